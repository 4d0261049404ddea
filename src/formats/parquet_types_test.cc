// The table of parquet_reader.h, type by type: files made with Arrow's writer and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_nested.h"
#include "arrow/extension/json.h"
#include "arrow/extension/uuid.h"
#include "arrow/type.h"
#include "base/strings.h"
#include "formats/parquet_text.h"
#include "formats/testing/parquet_files.h"
#include "formats/testing/rows.h"
#include "parquet/column_writer.h"
#include "parquet/file_writer.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The rows of a file with one column "v" of `type`.
std::vector<std::string> Column(const std::shared_ptr<arrow::DataType>& type, std::string_view json,
                                const ParquetFormat& format = {}) {
  const ReadResult result = ReadRows(MakeParquet({{"v", ArrayOf(type, json)}}, format));
  EXPECT_TRUE(result.status.ok()) << result.status;
  return result.rows;
}

TEST(ParquetTypesTest, Integers) {
  EXPECT_THAT(Column(arrow::int8(), "[-128, 127, null]"), ElementsAre("v=-128", "v=127", "v=null"));
  EXPECT_THAT(Column(arrow::int16(), "[-32768]"), ElementsAre("v=-32768"));
  EXPECT_THAT(Column(arrow::int32(), "[-2147483648, 2147483647]"),
              ElementsAre("v=-2147483648", "v=2147483647"));
  EXPECT_THAT(Column(arrow::int64(), "[-9223372036854775808, 9223372036854775807]"),
              ElementsAre("v=-9223372036854775808", "v=9223372036854775807"));
  EXPECT_THAT(Column(arrow::uint8(), "[255]"), ElementsAre("v=255"));
  EXPECT_THAT(Column(arrow::uint16(), "[65535]"), ElementsAre("v=65535"));
  EXPECT_THAT(Column(arrow::uint32(), "[4294967295]"), ElementsAre("v=4294967295"));
  EXPECT_THAT(Column(arrow::uint64(), "[9223372036854775807, 18446744073709551615]"),
              ElementsAre("v=9223372036854775807", "v=18446744073709551615"));
}

TEST(ParquetTypesTest, NanAndInfiniteFloatsAreNull) {
  EXPECT_THAT(Column(arrow::float64(), "[0.1, NaN, Inf, -Inf, 1e300]"),
              ElementsAre("v=0.1", "v=null", "v=null", "v=null", "v=1e+300"));
  EXPECT_THAT(Column(arrow::float32(), "[0.1, NaN, -Inf]"),
              ElementsAre("v=0.1", "v=null", "v=null"));
  EXPECT_THAT(Column(arrow::float16(), "[1.5, -0.25, NaN, Inf]"),
              ElementsAre("v=1.5", "v=-0.25", "v=null", "v=null"));
}

TEST(ParquetTypesTest, HalfFloats) {
  EXPECT_EQ(HalfToFloat(0x0000), 0.0F);
  EXPECT_EQ(HalfToFloat(0x0001), 0x1p-24F);
  EXPECT_EQ(HalfToFloat(0x03ff), 0x1.ff8p-15F);
  EXPECT_EQ(HalfToFloat(0x0400), 0x1p-14F);
  EXPECT_EQ(HalfToFloat(0x3c00), 1.0F);
  EXPECT_EQ(HalfToFloat(0xfbff), -65504.0F);
}

TEST(ParquetTypesTest, BooleansAndNulls) {
  EXPECT_THAT(Column(arrow::boolean(), "[true, null, false]"),
              ElementsAre("v=true", "v=null", "v=false"));
  EXPECT_THAT(Column(arrow::null(), "[null, null]"), ElementsAre("v=null", "v=null"));
}

TEST(ParquetTypesTest, Text) {
  const char* json = R"(["", "a\"b\n", "東京 \ud83d\ude00", null])";
  const auto expected = ElementsAre("v=\"\"", R"(v="a\"b\n")", "v=\"東京 \U0001F600\"", "v=null");
  EXPECT_THAT(Column(arrow::utf8(), json), expected);
  EXPECT_THAT(Column(arrow::utf8(), json, {.dictionary = false}), expected);
  EXPECT_THAT(Column(arrow::large_utf8(), json), expected);
  EXPECT_THAT(Column(arrow::utf8_view(), json), expected);
  EXPECT_THAT(Column(arrow::dictionary(arrow::int8(), arrow::utf8()), json), expected);
}

TEST(ParquetTypesTest, EnumsAreText) {
  const auto node = parquet::schema::PrimitiveNode::Make(
      "v", parquet::Repetition::REQUIRED, parquet::LogicalType::Enum(), parquet::Type::BYTE_ARRAY);
  const std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const parquet::ByteArray values[] = {parquet::ByteArray("RED"), parquet::ByteArray("BLUE")};
    static_cast<parquet::ByteArrayWriter*>(group.NextColumn())
        ->WriteBatch(2, nullptr, nullptr, values);
  });
  EXPECT_THAT(ReadRows(file).rows, ElementsAre(R"(v="RED")", R"(v="BLUE")"));
}

TEST(ParquetTypesTest, BytesAreBase64) {
  EXPECT_THAT(Column(arrow::binary(), R"(["hi", "", null])"),
              ElementsAre(R"(v="aGk=")", R"(v="")", "v=null"));
  EXPECT_THAT(Column(arrow::fixed_size_binary(3), R"(["abc", null])"),
              ElementsAre(R"(v="YWJj")", "v=null"));
}

TEST(ParquetTypesTest, Uuids) {
  const auto storage = ArrayOf(arrow::fixed_size_binary(16), R"(["0123456789abcdef", null])");
  const auto array = arrow::ExtensionType::WrapArray(arrow::extension::uuid(), storage);
  EXPECT_THAT(ReadRows(MakeParquet({{"v", array}})).rows,
              ElementsAre(R"(v="30313233-3435-3637-3839-616263646566")", "v=null"));
}

TEST(ParquetTypesTest, JsonIsKeptIfItIsJson) {
  const auto storage = ArrayOf(arrow::utf8(), R"(["{\"a\": [1, 2.50]}", " 12 ", "{oops", "null",
                                                  "\"text\"", null])");
  const auto array = arrow::ExtensionType::WrapArray(arrow::extension::json(), storage);
  EXPECT_THAT(ReadRows(MakeParquet({{"v", array}})).rows,
              ElementsAre(R"(v={"a":[1,2.50]})", "v=12", R"(v="{oops")", "v=null", R"(v="text")",
                          "v=null"));
}

TEST(ParquetTypesTest, JsonTooDeepIsText) {
  const std::string deep = std::string(70, '[') + std::string(70, ']');
  const auto storage = ArrayOf(arrow::utf8(), StrCat("[\"", deep, "\"]"));
  const auto array = arrow::ExtensionType::WrapArray(arrow::extension::json(), storage);
  EXPECT_THAT(ReadRows(MakeParquet({{"v", array}})).rows, ElementsAre(StrCat("v=\"", deep, "\"")));
}

TEST(ParquetTypesTest, DecimalsKeepAllDigits) {
  EXPECT_THAT(Column(arrow::decimal32(9, 2), R"(["1.50", "-0.05", "0.00", null])"),
              ElementsAre("v=1.50", "v=-0.05", "v=0.00", "v=null"));
  EXPECT_THAT(Column(arrow::decimal64(18, 0), R"(["-999999999999999999"])"),
              ElementsAre("v=-999999999999999999"));
  EXPECT_THAT(
      Column(arrow::decimal128(38, 20),
             R"(["123456789012345678.90123456789012345678",
                         "-0.00000000000000000001"])"),
      ElementsAre("v=123456789012345678.90123456789012345678", "v=-0.00000000000000000001"));
  EXPECT_THAT(
      Column(arrow::decimal256(76, 10),
             R"(["-999999999999999999999999999999999999999999999999999999999999999999.9999999999",
                 "0.0000000000"])"),
      ElementsAre(
          "v=-999999999999999999999999999999999999999999999999999999999999999999.9999999999",
          "v=0.0000000000"));
}

TEST(ParquetTypesTest, DecimalsOfAnyWidth) {
  const auto text = [](std::string_view bytes, int scale) {
    ByteBuffer out;
    return AppendDecimal(out, bytes, scale) ? std::string(out.view()) : "none";
  };
  EXPECT_EQ(text(std::string_view("\x80", 1), 0), "-128");
  EXPECT_EQ(text(std::string_view("\x00\x00\x01", 3), 1), "0.1");
  EXPECT_EQ(text(std::string_view("\x00\x3B\x9A\xCA\x00", 5), 0), "1000000000");
  EXPECT_EQ(text(std::string(16, '\xFF'), 3), "-0.001");
  EXPECT_EQ(text("", 0), "none");
  EXPECT_EQ(text(std::string(129, '\x01'), 0), "none");
  ByteBuffer min;
  AppendDecimal(min, INT64_MIN, 1);
  EXPECT_EQ(min.view(), "-922337203685477580.8");
}

TEST(ParquetTypesTest, Dates) {
  EXPECT_THAT(Column(arrow::date32(), "[0, 19837, -1, null]"),
              ElementsAre(R"(v="1970-01-01")", R"(v="2024-04-24")", R"(v="1969-12-31")", "v=null"));
  EXPECT_THAT(Column(arrow::date64(), "[1713916800000]"), ElementsAre(R"(v="2024-04-24")"));
}

TEST(ParquetTypesTest, TimesOfDay) {
  EXPECT_THAT(Column(arrow::time32(arrow::TimeUnit::MILLI), "[11581500, 0]"),
              ElementsAre(R"(v="03:13:01.500")", R"(v="00:00:00")"));
  EXPECT_THAT(Column(arrow::time64(arrow::TimeUnit::MICRO), "[86399999999]"),
              ElementsAre(R"(v="23:59:59.999999")"));
  EXPECT_THAT(Column(arrow::time64(arrow::TimeUnit::NANO), "[1]"),
              ElementsAre(R"(v="00:00:00.000000001")"));
  EXPECT_THAT(Column(arrow::time64(arrow::TimeUnit::MICRO), "[86400000000, -1]"),
              ElementsAre("! column v: a time of day that is not within a day",
                          "! column v: a time of day that is not within a day"));
}

TEST(ParquetTypesTest, TimestampsKeepUnitAndZone) {
  EXPECT_THAT(Column(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), "[1713928381500, null]"),
              ElementsAre(R"(v="2024-04-24T03:13:01.500Z")", "v=null"));
  EXPECT_THAT(Column(arrow::timestamp(arrow::TimeUnit::MICRO), "[1713928381000001]"),
              ElementsAre(R"(v="2024-04-24T03:13:01.000001")"));
  EXPECT_THAT(Column(arrow::timestamp(arrow::TimeUnit::NANO, "Asia/Tokyo"), "[-1]"),
              ElementsAre(R"(v="1969-12-31T23:59:59.999999999Z")"));
  EXPECT_THAT(Column(arrow::timestamp(arrow::TimeUnit::SECOND), "[0]"),
              ElementsAre(R"(v="1970-01-01T00:00:00")"));
}

// A file with the int64 column "v" of `converted` type, and the value 1713928381500.
std::string LegacyTimestamp(parquet::ConvertedType::type converted) {
  const auto node = parquet::schema::PrimitiveNode::Make("v", parquet::Repetition::REQUIRED,
                                                         parquet::Type::INT64, converted);
  return MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const int64_t value = 1713928381500;
    static_cast<parquet::Int64Writer*>(group.NextColumn())->WriteBatch(1, nullptr, nullptr, &value);
  });
}

TEST(ParquetTypesTest, LegacyTimestampsAreUtc) {
  EXPECT_THAT(ReadRows(LegacyTimestamp(parquet::ConvertedType::TIMESTAMP_MILLIS)).rows,
              ElementsAre(R"(v="2024-04-24T03:13:01.500Z")"));
  EXPECT_THAT(ReadRows(LegacyTimestamp(parquet::ConvertedType::TIMESTAMP_MICROS)).rows,
              ElementsAre(R"(v="1970-01-20T20:05:28.381500Z")"));
}

// A file with the optional int32 column "v" of 1, null, 3, null, 5, whose page header says that its
// levels have the encoding `definitions` of parquet.thrift.
std::string WithDefinitionEncoding(char definitions) {
  const auto node = parquet::schema::Int32("v", parquet::Repetition::OPTIONAL);
  std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const int16_t levels[] = {1, 0, 1, 0, 1};
    const int32_t values[] = {1, 3, 5};
    static_cast<parquet::Int32Writer*>(group.NextColumn())->WriteBatch(5, levels, nullptr, values);
  });
  // DataPageHeader, in Thrift's compact form: values, their encoding, those of both levels (RLE).
  const size_t header = file.find(std::string("\x15\x0a\x15"));
  EXPECT_NE(header, std::string::npos);
  EXPECT_EQ(file.substr(header + 4, 4), "\x15\x06\x15\x06");
  file[header + 5] = static_cast<char>(2 * definitions);
  return file;
}

TEST(ParquetTypesTest, BitPackedLevelsAreRefused) {
  EXPECT_THAT(ReadRows(WithDefinitionEncoding(3)).rows,
              ElementsAre("v=1", "v=null", "v=3", "v=null", "v=5"));
  const ReadResult packed = ReadRows(WithDefinitionEncoding(4));
  EXPECT_TRUE(absl::IsUnimplemented(packed.status)) << packed.status;
  EXPECT_THAT(std::string(packed.status.message()),
              AllOf(HasSubstr("row group 0, row 0: column v"), HasSubstr("BIT_PACKED levels")));
  EXPECT_THAT(packed.rows, SizeIs(0));
}

TEST(ParquetTypesTest, ColumnsOfOneNameAreNumbered) {
  const std::string file =
      MakeParquet({{"amount", ArrayOf(arrow::int64(), "[1]")},
                   {"amount", ArrayOf(arrow::utf8(), R"(["b"])")},
                   {"amount_2", ArrayOf(arrow::int64(), "[3]")},
                   {"s", ArrayOf(arrow::struct_({arrow::field("a", arrow::int64()),
                                                 arrow::field("a", arrow::int64())}),
                                 R"([[4, 5]])")}});
  EXPECT_THAT(ReadRows(file).rows,
              ElementsAre(R"(amount=1 amount_3="b" amount_2=3 s={"a":4,"a_2":5})"));
  EXPECT_THAT(ReadRows(file, {.columns = {"amount"}}).rows, ElementsAre("amount=1"));
  EXPECT_THAT(ReadRows(file, {.columns = {"amount_3", "s.a_2"}}).rows,
              ElementsAre(R"(amount_3="b" s={"a_2":5})"));
  const auto reader = OpenRows(std::make_shared<MemoryObject>(file), {.columns = {"amount_2"}});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_THAT((*reader)->columns(), ElementsAre("amount", "amount_3", "amount_2", "s"));
  EXPECT_THAT((*reader)->renamed_columns(), ElementsAre(RenamedColumn{"amount", "amount_3"}));
}

TEST(ParquetTypesTest, Int96IsATimestampWithoutZone) {
  EXPECT_THAT(
      Column(arrow::timestamp(arrow::TimeUnit::NANO), "[1713928381500000001, -1, null]",
             {.int96 = true}),
      ElementsAre(R"(v="2024-04-24T03:13:01.500")", R"(v="1969-12-31T23:59:59.999999")", "v=null"));
}

TEST(ParquetTypesTest, DurationsAreTheIntegersTheyAreStoredAs) {
  EXPECT_THAT(Column(arrow::duration(arrow::TimeUnit::MILLI), "[1500]"), ElementsAre("v=1500"));
}

TEST(ParquetTypesTest, IntervalsAreIsoDurations) {
  const auto node = parquet::schema::PrimitiveNode::Make("v", parquet::Repetition::REQUIRED,
                                                         parquet::LogicalType::Interval(),
                                                         parquet::Type::FIXED_LEN_BYTE_ARRAY, 12);
  const std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const uint32_t raw[][3] = {{1, 2, 3004}, {0, 0, 0}, {13, 0, 0}, {0, 0, 60000}};
    parquet::FixedLenByteArray values[4];
    for (int i = 0; i < 4; ++i) values[i].ptr = reinterpret_cast<const uint8_t*>(raw[i]);
    static_cast<parquet::FixedLenByteArrayWriter*>(group.NextColumn())
        ->WriteBatch(4, nullptr, nullptr, values);
  });
  EXPECT_THAT(ReadRows(file).rows,
              ElementsAre(R"(v="P1M2DT3.004S")", R"(v="PT0S")", R"(v="P13M")", R"(v="PT60S")"));
}

TEST(ParquetTypesTest, StructsOmitNullMembers) {
  const auto type =
      arrow::struct_({arrow::field("a", arrow::int32()), arrow::field("b\"c", arrow::utf8()),
                      arrow::field("t", arrow::timestamp(arrow::TimeUnit::MILLI))});
  EXPECT_THAT(
      Column(type, R"([{"a": 1, "b\"c": "x"}, {"t": 0}, {}, null])"),
      ElementsAre(R"(v={"a":1,"b\"c":"x"})", R"(v={"t":"1970-01-01T00:00:00"})", "v={}", "v=null"));
}

TEST(ParquetTypesTest, ListsKeepNullElements) {
  EXPECT_THAT(Column(arrow::list(arrow::int32()), "[[1, null, 3], [], null, [null]]"),
              ElementsAre("v=[1,null,3]", "v=[]", "v=null", "v=[null]"));
  EXPECT_THAT(Column(arrow::large_list(arrow::utf8()), R"([["a"], ["b", "c"]])"),
              ElementsAre(R"(v=["a"])", R"(v=["b","c"])"));
  EXPECT_THAT(Column(arrow::fixed_size_list(arrow::float64(), 2), "[[1.5, NaN], null]"),
              ElementsAre("v=[1.5,null]", "v=null"));
  EXPECT_THAT(
      Column(arrow::list(arrow::list(arrow::boolean())), "[[[true], [], null, [null, false]], []]"),
      ElementsAre("v=[[true],[],null,[null,false]]", "v=[]"));
}

TEST(ParquetTypesTest, ListsOfStructsOfLists) {
  const auto type = arrow::list(arrow::struct_(
      {arrow::field("id", arrow::int64()), arrow::field("tags", arrow::list(arrow::utf8())),
       arrow::field("inner", arrow::struct_({arrow::field("x", arrow::int32())}))}));
  EXPECT_THAT(
      Column(type, R"([[{"id": 1, "tags": ["a", null], "inner": {"x": 7}}, {"tags": []}, null, {}],
                       [], [{"inner": {}}], null])"),
      ElementsAre(R"(v=[{"id":1,"tags":["a",null],"inner":{"x":7}},{"tags":[]},null,{}])", "v=[]",
                  R"(v=[{"inner":{}}])", "v=null"));
}

TEST(ParquetTypesTest, MapsWithTextKeysAreObjects) {
  EXPECT_THAT(
      Column(arrow::map(arrow::utf8(), arrow::int32()), R"([[["a", 1], ["b\"", null]], [], null])"),
      ElementsAre(R"(v={"a":1,"b\"":null})", "v={}", "v=null"));
  EXPECT_THAT(
      Column(arrow::map(arrow::utf8(), arrow::list(arrow::int32())), R"([[["k", [1, 2]]]])"),
      ElementsAre(R"(v={"k":[1,2]})"));
}

TEST(ParquetTypesTest, MapsWithOtherKeysArePairs) {
  EXPECT_THAT(Column(arrow::map(arrow::int32(), arrow::utf8()), R"([[[1, "a"], [2, null]], []])"),
              ElementsAre(R"(v=[[1,"a"],[2,null]])", "v=[]"));
}

TEST(ParquetTypesTest, RepeatedFieldsWithoutAListAreLists) {
  const auto node = parquet::schema::Int32("v", parquet::Repetition::REPEATED);
  const std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const int16_t definitions[] = {1, 1, 0, 1};
    const int16_t repetitions[] = {0, 1, 0, 0};
    const int32_t values[] = {1, 2, 3};
    static_cast<parquet::Int32Writer*>(group.NextColumn())
        ->WriteBatch(4, definitions, repetitions, values);
  });
  EXPECT_THAT(ReadRows(file).rows, ElementsAre("v=[1,2]", "v=[]", "v=[3]"));
}

TEST(ParquetTypesTest, MismatchedLeavesMakeABadRow) {
  using parquet::Repetition;
  using parquet::schema::GroupNode;
  // One list of pairs, whose two leaves disagree about how many there are in the first row.
  const auto node = GroupNode::Make("v", Repetition::REPEATED,
                                    {parquet::schema::Int32("a", Repetition::REQUIRED),
                                     parquet::schema::Int32("b", Repetition::REQUIRED)});
  const std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    const int16_t definitions[] = {1, 1, 1};
    const int16_t repetitions_a[] = {0, 1, 0};
    const int16_t repetitions_b[] = {0, 0, 1};
    const int32_t values[] = {1, 2, 3};
    static_cast<parquet::Int32Writer*>(group.NextColumn())
        ->WriteBatch(3, definitions, repetitions_a, values);
    static_cast<parquet::Int32Writer*>(group.NextColumn())
        ->WriteBatch(3, definitions, repetitions_b, values);
  });
  EXPECT_THAT(ReadRows(file).rows, ElementsAre("! column v: its leaf columns do not match",
                                               "! column v: its leaf columns do not match"));
}

TEST(ParquetTypesTest, TextThatIsNotUtf8MakesABadRowThatNamesColumnAndByte) {
  arrow::StringBuilder text;
  for (const char* value : {"fine", "caf\xE9 noir", "", "\xC3", "\xA9", "end"}) {
    ASSERT_TRUE(text.Append(value).ok());
  }
  const auto array = text.Finish().ValueOrDie();
  for (const bool dictionary : {true, false}) {
    const ReadResult result =
        ReadRows(MakeParquet({{"id", ArrayOf(arrow::int32(), "[0, 1, 2, 3, 4, 5]")},
                              {"comment", array},
                              {"after", ArrayOf(arrow::int32(), "[5, 4, 3, 2, 1, 0]")}},
                             {.dictionary = dictionary}));
    EXPECT_THAT(result.rows, ElementsAre(R"(id=0 comment="fine" after=5)",
                                         "! column comment: not UTF-8 at byte 3 of the text",
                                         R"(id=2 comment="" after=3)",
                                         "! column comment: not UTF-8 at byte 0 of the text",
                                         "! column comment: not UTF-8 at byte 0 of the text",
                                         R"(id=5 comment="end" after=0)"));
    ASSERT_THAT(result.bad_raw, SizeIs(3));
    EXPECT_EQ(result.bad_raw[0], "{\"id\":1,\"comment\":\"caf\uFFFD noir\",\"after\":4}");
  }
}

TEST(ParquetTypesTest, NestedTextThatIsNotUtf8MakesABadRow) {
  auto builder = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder list(arrow::default_memory_pool(), builder);
  for (const char* value : {"ok", "\xFFx"}) {
    ASSERT_TRUE(list.Append().ok());
    ASSERT_TRUE(builder->Append(value).ok());
  }
  const ReadResult result = ReadRows(MakeParquet({{"v", list.Finish().ValueOrDie()}}));
  EXPECT_THAT(result.rows,
              ElementsAre(R"(v=["ok"])",
                          "! column v: leaf v.list.element: not UTF-8 at byte 0 of the text"));
  EXPECT_THAT(result.bad_raw, ElementsAre("{\"v\":[\"\uFFFDx\"]}"));
}

TEST(ParquetTypesTest, NamesThatAreNotUtf8AreRefused) {
  const ReadResult result = ReadRows(MakeParquet({{"caf\xE9", ArrayOf(arrow::int32(), "[1]")}}));
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
}

TEST(ParquetTypesTest, NestingIsBounded) {
  const auto nested = [](int levels) {
    std::shared_ptr<arrow::DataType> type = arrow::int32();
    for (int i = 0; i < levels; ++i) type = arrow::struct_({arrow::field("f", type)});
    return MakeParquet({{"v", ArrayOf(type, "[null]")}});
  };
  EXPECT_THAT(ReadRows(nested(64)).rows, ElementsAre("v=null"));
  const ReadResult deep = ReadRows(nested(65));
  EXPECT_EQ(deep.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(deep.status.message()), HasSubstr("nests deeper than 64 levels"));
}

}  // namespace
}  // namespace millrace
