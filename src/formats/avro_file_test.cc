#include "formats/avro_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "base/strings.h"
#include "formats/testing/avro_writer.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kTrip = R"({"type":"record","name":"trip","fields":[
  {"name":"id","type":"long"},
  {"name":"note","type":["null","string"]},
  {"name":"far","type":"boolean"},
  {"name":"metres","type":"double"},
  {"name":"tags","type":{"type":"array","items":"string"}},
  {"name":"bounds","type":{"type":"map","values":"bytes"}}]})";

std::string TripBytes(int64_t id) {
  return AvroBytes()
      .Long(id)
      .Long(1)
      .Bytes("note")
      .Boolean(true)
      .Double(1.5)
      .Long(-2)  // a block of two items that also says how many bytes it has
      .Long(4)
      .Bytes("a")
      .Bytes("b")
      .Long(0)
      .Long(1)
      .Bytes("key")
      .Bytes("value")
      .Long(0)
      .str();
}

absl::Status Read(std::string_view file, std::vector<int64_t>* ids = nullptr) {
  const auto stream = NewMemoryStream(file);
  return ReadAvroFile(*stream, [&](const AvroValue& value, const auto&) {
    if (ids != nullptr) ids->push_back(value.Integer("id").value_or(-1));
    return absl::OkStatus();
  });
}

TEST(AvroFileTest, ReadsValuesInEveryCodec) {
  for (const std::string_view codec : {"null", "deflate", "snappy", "zstandard"}) {
    const std::string file = AvroFile(kTrip, 2, TripBytes(7) + TripBytes(-300), codec);
    std::vector<int64_t> ids;
    EXPECT_TRUE(Read(file, &ids).ok()) << codec << ": " << Read(file);
    EXPECT_THAT(ids, ElementsAre(7, -300)) << codec;
  }
}

TEST(AvroFileTest, DecodesEachType) {
  const std::string file = AvroFile(kTrip, 1, TripBytes(7));
  const auto stream = NewMemoryStream(file);
  int seen = 0;
  const absl::Status status =
      ReadAvroFile(*stream, [&](const AvroValue& value, const auto& metadata) {
        ++seen;
        EXPECT_EQ(value.Bytes("note"), "note");
        EXPECT_EQ(value.Field("far")->integer, 1);
        EXPECT_EQ(value.Field("metres")->real, 1.5);
        EXPECT_EQ(value.Field("tags")->items.size(), 2u);
        EXPECT_EQ(value.Field("tags")->items[1].bytes, "b");
        EXPECT_EQ(value.Field("bounds")->items[0].bytes, "key");
        EXPECT_EQ(value.Field("bounds")->items[1].bytes, "value");
        EXPECT_EQ(value.Field("none"), nullptr);
        EXPECT_EQ(metadata.at("avro.codec"), "null");
        return absl::OkStatus();
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 1);
}

TEST(AvroFileTest, TruncationIsAnErrorExceptBetweenBlocks) {
  for (const std::string_view codec : {"null", "deflate", "snappy", "zstandard"}) {
    const std::string header = AvroHeader(kTrip, codec);
    const std::string file = AvroFile(kTrip, 1, TripBytes(7), codec);
    for (size_t size = 0; size < file.size(); ++size) {
      EXPECT_EQ(Read(file.substr(0, size)).ok(), size == header.size()) << codec << " " << size;
    }
  }
}

TEST(AvroFileTest, DetectsDamage) {
  std::string file = AvroFile(kTrip, 1, TripBytes(7), "snappy");
  file[file.size() - 17] ^= 1;  // of the checksum
  EXPECT_THAT(Read(file).message(), HasSubstr("checksum"));
  file = AvroFile(kTrip, 1, TripBytes(7));
  file.back() ^= 1;
  EXPECT_THAT(Read(file).message(), HasSubstr("sync marker"));
  EXPECT_THAT(Read(AvroFile(kTrip, 2, TripBytes(7))).message(),
              HasSubstr("less data than it declares"));
  EXPECT_THAT(Read(AvroFile(kTrip, 1, TripBytes(7) + "x")).message(),
              HasSubstr("more data than it declares"));
  EXPECT_THAT(Read(AvroFile(kTrip, 1, "", "lzma")).message(), HasSubstr("unknown codec 'lzma'"));
  EXPECT_EQ(Read("PAR1").code(), absl::StatusCode::kInvalidArgument);
}

TEST(AvroFileTest, DeclaredSizesAllocateNothing) {
  const std::string header = AvroHeader(kTrip, "null");
  EXPECT_EQ(Read(header + AvroBytes().Long(1).Long(int64_t{1} << 40).str()).code(),
            absl::StatusCode::kResourceExhausted);
  // 100 MB are promised, and nothing follows.
  EXPECT_EQ(Read(header + AvroBytes().Long(1).Long(100 << 20).str()).code(),
            absl::StatusCode::kDataLoss);
  // A million million nulls in an array take no bytes at all.
  constexpr std::string_view kNulls = R"({"type":"array","items":"null"})";
  const std::string nulls = AvroBytes().Long(int64_t{1} << 40).str();
  EXPECT_EQ(Read(AvroFile(kNulls, 1, nulls)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Read(AvroFile(R"("null")", int64_t{1} << 60, "")).code(), absl::StatusCode::kDataLoss);
  // A zstd block that becomes a gigabyte.
  const std::string bomb(size_t{200} << 20, '\0');
  EXPECT_EQ(Read(AvroFile(R"("null")", 1, bomb, "zstandard")).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(AvroFileTest, BoundsRecursiveRecords) {
  constexpr std::string_view kList = R"({"type":"record","name":"node","fields":[
    {"name":"next","type":["null","node"]}]})";
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += AvroBytes().Long(1).str();
  EXPECT_EQ(Read(AvroFile(kList, 1, deep + AvroBytes().Long(0).str())).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Read(AvroFile(kList, 1, AvroBytes().Long(1).Long(0).str())).ok());
  constexpr std::string_view kEndless =
      R"({"type":"record","name":"node","fields":[{"name":"next","type":"node"}]})";
  EXPECT_EQ(Read(AvroFile(kEndless, 1, "x")).code(), absl::StatusCode::kResourceExhausted);
}

TEST(AvroSchemaTest, RejectsInvalidSchemas) {
  std::string nested = "\"null\"";
  for (int i = 0; i < 100; ++i) nested = StrCat("{\"type\":\"array\",\"items\":", nested, "}");
  for (const std::string& schema :
       {std::string("{"), std::string("[]"), std::string("7"), std::string("\"unheard-of\""),
        std::string(R"({"type":"record","name":"r"})"), std::string(R"({"type":"array"})"),
        std::string(R"({"type":"fixed","name":"f","size":99999999999})"), nested}) {
    EXPECT_EQ(AvroSchema::Parse(schema).status().code(), absl::StatusCode::kInvalidArgument)
        << schema.substr(0, 60);
  }
}

}  // namespace
}  // namespace millrace
