#include "formats/parquet_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "arrow/array.h"
#include "arrow/type.h"
#include "base/strings.h"
#include "formats/testing/parquet_files.h"
#include "formats/testing/rows.h"
#include "parquet/column_writer.h"
#include "parquet/file_writer.h"
#include "parquet/schema.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kRows = 3000;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// kRows rows with flat, dictionary-encoded, nested and often null columns.
std::string MixedFile(const ParquetFormat& format = {.page_bytes = 1000, .group_rows = 700}) {
  std::string id = "[";
  std::string name = "[";
  std::string text = "[";
  std::string list = "[";
  std::mt19937 random(1);
  for (int i = 0; i < kRows; ++i) {
    const char* comma = i == 0 ? "" : ",";
    StrAppend(&id, comma, i);
    StrAppend(&name, comma, i % 5 == 0 ? "null" : StrCat("\"name ", i % 7, "\""));
    StrAppend(&text, comma, "\"", std::string(random() % 40, 'x'), i, "\"");
    StrAppend(&list, comma, i % 11 == 0 ? "null" : "{\"items\":[");
    if (i % 11 == 0) continue;
    for (unsigned k = random() % 4; k > 0; --k) StrAppend(&list, k, k > 1 ? "," : "");
    list += "]}";
  }
  const auto items = arrow::struct_({arrow::field("items", arrow::list(arrow::int32()))});
  return MakeParquet({{"id", ArrayOf(arrow::int64(), id + "]")},
                      {"name", ArrayOf(arrow::utf8(), name + "]")},
                      {"text", ArrayOf(arrow::utf8(), text + "]")},
                      {"nested", ArrayOf(items, list + "]")}},
                     format);
}

TEST(ParquetReaderTest, ReadsAllRowsInOrder) {
  const ReadResult result = ReadRows(MixedFile());
  ASSERT_TRUE(result.status.ok()) << result.status;
  ASSERT_THAT(result.rows, SizeIs(kRows));
  for (int i = 0; i < kRows; ++i) {
    ASSERT_TRUE(result.rows[i].starts_with(StrCat("id=", i, " "))) << result.rows[i];
  }
}

TEST(ParquetReaderTest, ReportsRowsColumnsAndProgress) {
  const std::string file = MixedFile();
  auto reader = OpenParquet(std::make_shared<MemoryObject>(file), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->type(), FileType::kParquet);
  EXPECT_EQ((*reader)->known_rows(), kRows);
  EXPECT_THAT((*reader)->columns(), ElementsAre("id", "name", "text", "nested"));
  EXPECT_EQ((*reader)->raw_bytes(), 0u);
  uint64_t before = 0;
  while (true) {
    const auto chunk = (*reader)->Read({.rows = 100});
    ASSERT_TRUE(chunk.ok());
    if (*chunk == nullptr) break;
    EXPECT_GT((*reader)->raw_bytes(), before);
    before = (*reader)->raw_bytes();
    EXPECT_GT((*chunk)->memory(), 100u);
  }
  EXPECT_EQ((*reader)->raw_bytes(), file.size());
  EXPECT_EQ(*(*reader)->Read({}), nullptr);
}

TEST(ParquetReaderTest, ChunksOutliveTheirReader) {
  auto reader = OpenParquet(std::make_shared<MemoryObject>(MixedFile()), {});
  ASSERT_TRUE(reader.ok());
  std::vector<std::unique_ptr<RowChunk>> chunks;
  while (true) {
    auto chunk = (*reader)->Read({});
    ASSERT_TRUE(chunk.ok());
    if (*chunk == nullptr) break;
    chunks.push_back(*std::move(chunk));
  }
  reader->reset();
  RowsAsText rows;
  DecodeScratch scratch;
  for (const auto& chunk : chunks) chunk->ForEachRow(scratch, rows);
  EXPECT_EQ(rows.rows, ReadRows(MixedFile()).rows);
}

TEST(ParquetReaderTest, ChunksOfAnySizeGiveTheSameRows) {
  const std::string file = MixedFile();
  const auto rows = ReadRows(file).rows;
  std::mt19937 random(2);
  for (int i = 0; i < 15; ++i) {
    const ChunkLimits limits = {.rows = 1 + random() % 500, .bytes = 1 + random() % 20'000};
    const ReadResult result = ReadRows(file, {}, limits);
    EXPECT_TRUE(result.status.ok()) << result.status;
    EXPECT_TRUE(result.rows == rows) << limits.rows << " rows, " << limits.bytes << " bytes";
  }
}

TEST(ParquetReaderTest, AcceptsMaximumLimits) {
  const std::string file = MixedFile();
  const ReadResult result = ReadRows(file, {}, {.rows = SIZE_MAX, .bytes = SIZE_MAX});
  EXPECT_TRUE(result.rows == ReadRows(file).rows);
  EXPECT_THAT(result.positions, SizeIs(5));  // one chunk per row group
}

TEST(ParquetReaderTest, ResumesAtEveryRow) {
  const std::string file = MixedFile({.page_bytes = 400, .group_rows = 130});
  const auto rows = ReadRows(file).rows;
  for (uint64_t row = 0; row <= kRows; row += row % 130 < 2 ? 1 : 43) {
    const ReadResult rest = ReadRows(file, {.from = {.row = row}}, {.rows = 1000});
    ASSERT_TRUE(rest.status.ok()) << rest.status;
    ASSERT_EQ(rest.rows.size(), kRows - row);
    if (row < kRows) {
      ASSERT_EQ(rest.first_number, row);
    }
    ASSERT_TRUE(
        std::equal(rest.rows.begin(), rest.rows.end(), rows.begin() + static_cast<ptrdiff_t>(row)))
        << row;
  }
  EXPECT_EQ(ReadRows(file, {.from = {.row = kRows + 1}}).status.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ParquetReaderTest, DecodesOnlyRequestedColumns) {
  const std::string file = MixedFile();
  EXPECT_THAT(ReadRows(file, {.columns = {"id", "nope"}}).rows[7], "id=7");
  EXPECT_THAT(ReadRows(file, {.columns = {"nope"}}).rows, SizeIs(kRows));

  const auto inner = arrow::struct_(
      {arrow::field("x", arrow::int32()), arrow::field("y", arrow::list(arrow::int32()))});
  const auto outer = arrow::struct_({arrow::field("a", inner), arrow::field("b", arrow::int32())});
  const std::string nested = MakeParquet(
      {{"v", ArrayOf(outer, R"([{"a": {"x": 1, "y": [2, 3]}, "b": 4}, {"b": 5}, null])")},
       {"v.b", ArrayOf(arrow::int32(), "[7, 8, 9]")}});
  EXPECT_THAT(ReadRows(nested, {.columns = {"v.a.y"}}).rows,
              ElementsAre(R"(v={"a":{"y":[2,3]}})", "v={}", "v=null"));
  EXPECT_THAT(ReadRows(nested, {.columns = {"v.b"}}).rows,
              ElementsAre(R"(v={"b":4} v.b=7)", R"(v={"b":5} v.b=8)", "v=null v.b=9"));
  EXPECT_THAT(ReadRows(nested, {.columns = {"v.b", "v"}}).rows[1], R"(v={"b":5} v.b=8)");
}

TEST(ParquetReaderTest, EveryCodecAndPageVersionGivesTheSameRows) {
  const auto rows = ReadRows(MixedFile()).rows;
  for (const char* codec : {"snappy", "gzip", "brotli", "lz4_raw", "zstd"}) {
    for (const bool pages_v2 : {false, true}) {
      const ReadResult result = ReadRows(MixedFile({.checksums = true,
                                                    .compressed = true,
                                                    .codec = codec,
                                                    .pages_v2 = pages_v2,
                                                    .page_bytes = 1000,
                                                    .group_rows = 700}));
      EXPECT_TRUE(result.status.ok()) << codec << ": " << result.status;
      EXPECT_TRUE(result.rows == rows) << codec;
    }
  }
}

TEST(ParquetReaderTest, EveryEncodingGivesTheSameValues) {
  const struct {
    const char* encoding;
    std::shared_ptr<arrow::DataType> type;
    const char* json;
  } cases[] = {
      {"DELTA_BINARY_PACKED", arrow::int64(), "[5, null, -7, 9000000000]"},
      {"BYTE_STREAM_SPLIT", arrow::float64(), "[1.5, null, -2.25, 0]"},
      {"BYTE_STREAM_SPLIT", arrow::int32(), "[1, null, -2, 0]"},
      {"DELTA_LENGTH_BYTE_ARRAY", arrow::utf8(), R"(["a", null, "", "long text"])"},
      {"DELTA_BYTE_ARRAY", arrow::utf8(), R"(["prefix 1", null, "prefix 2", ""])"},
      {"DELTA_BYTE_ARRAY", arrow::list(arrow::utf8()), R"([["pre"], null, ["pref", "x"], []])"},
      {"RLE", arrow::boolean(), "[true, null, false, true]"},
  };
  for (const auto& test : cases) {
    const auto array = ArrayOf(test.type, test.json);
    const ReadResult plain = ReadRows(MakeParquet({{"v", array}}));
    const ReadResult encoded =
        ReadRows(MakeParquet({{"v", array}}, {.dictionary = false, .encoding = test.encoding}), {},
                 {.rows = 3});
    EXPECT_TRUE(encoded.status.ok()) << encoded.status;
    EXPECT_THAT(encoded.rows, SizeIs(4));
    EXPECT_EQ(encoded.rows, plain.rows) << test.encoding;
  }
}

TEST(ParquetReaderTest, AnEmptyFileHasColumnsButNoRows) {
  const std::string file = MakeParquet({{"v", ArrayOf(arrow::int32(), "[]")}});
  EXPECT_THAT(ReadRows(file).rows, IsEmpty());
  EXPECT_TRUE(ReadRows(file).status.ok());
}

TEST(ParquetReaderTest, LargeRowsMakeSmallChunks) {
  // After many small rows, a few of 300 kB: the average says nothing of them.
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) StrAppend(&text, i == 0 ? "" : ",", "\"small\"");
  for (int i = 0; i < 20; ++i) StrAppend(&text, ",\"", std::string(300'000 + i, 'x'), "\"");
  std::string number = "[0";
  for (int i = 1; i < 1020; ++i) StrAppend(&number, ",", i);
  for (const bool dictionary : {true, false}) {
    const std::string file = MakeParquet({{"id", ArrayOf(arrow::int32(), number + "]")},
                                          {"text", ArrayOf(arrow::utf8(), text + "]")},
                                          {"again", ArrayOf(arrow::int32(), number + "]")}},
                                         {.dictionary = dictionary, .page_bytes = 10 << 20});
    auto reader = OpenParquet(std::make_shared<MemoryObject>(file), {});
    ASSERT_TRUE(reader.ok());
    RowsAsText rows;
    DecodeScratch scratch;
    while (true) {
      const auto chunk = (*reader)->Read({});
      ASSERT_TRUE(chunk.ok()) << chunk.status();
      if (*chunk == nullptr) break;
      EXPECT_LT((*chunk)->memory(), 3u << 20);
      (*chunk)->ForEachRow(scratch, rows);
    }
    ASSERT_THAT(rows.rows, SizeIs(1020));
    EXPECT_THAT(rows.rows[1019], EndsWith("x\" again=1019"));
  }
}

// Damage -------------------------------------------------------------------------------------

TEST(ParquetReaderTest, RejectsFilesThatAreNotParquet) {
  const auto open = [](std::string bytes) {
    return OpenParquet(std::make_shared<MemoryObject>(std::move(bytes)), {}).status();
  };
  EXPECT_EQ(open("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(open("{\"a\":1}\n").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(open("PAR1").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(open("PAR1PAR1").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(open("PARE").code(), absl::StatusCode::kUnimplemented);
}

TEST(ParquetReaderTest, ATruncatedFileIsDataLossAtEveryLength) {
  const std::string file = MixedFile({.page_bytes = 1000, .group_rows = 700});
  for (size_t size = 4; size < file.size(); size += 1 + file.size() / 200) {
    const auto reader = OpenParquet(std::make_shared<MemoryObject>(file.substr(0, size)), {});
    ASSERT_EQ(reader.status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(ParquetReaderTest, ADamagedFooterIsDataLoss) {
  std::string file = MixedFile();
  file[file.size() - 100] = static_cast<char>(file[file.size() - 100] ^ 0xFF);
  file[file.size() - 6] = '\x7F';  // its length
  const auto status = OpenParquet(std::make_shared<MemoryObject>(file), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(Message(status), HasSubstr("reading the Parquet footer"));
}

TEST(ParquetReaderTest, ADamagedPageIsDataLossWithItsPlaceAfterTheRowsBeforeIt) {
  const std::string file =
      MixedFile({.dictionary = false, .checksums = true, .page_bytes = 1000, .group_rows = 700});
  const auto rows = ReadRows(file).rows;
  const size_t at = file.find("x1700");  // a value in the third row group
  ASSERT_NE(at, file.npos);
  std::string damaged = file;
  damaged[at] = 'y';
  const ReadResult result = ReadRows(damaged);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << result.status;
  EXPECT_THAT(Message(result.status), HasSubstr("row group 2, row "));
  EXPECT_THAT(Message(result.status), HasSubstr(": column text: "));
  // All rows before the page, and none of it.
  EXPECT_GT(result.rows.size(), 1600u);
  EXPECT_LE(result.rows.size(), 1700u);
  EXPECT_TRUE(std::equal(result.rows.begin(), result.rows.end(), rows.begin()));
  EXPECT_THAT(Message(result.status), HasSubstr(StrCat("row ", result.rows.size(), ":")));
  // Other columns are as good as before.
  EXPECT_THAT(ReadRows(damaged, {.columns = {"id", "nested"}}).rows, SizeIs(kRows));
}

TEST(ParquetReaderTest, FlippedBytesNeverGiveRowsOutOfOrderOrCrash) {
  const std::string file = MixedFile({.compressed = true, .page_bytes = 1000, .group_rows = 700});
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = file;
    for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
    }
    const ReadResult result = ReadRows(damaged);  // checks the numbers of the rows
    EXPECT_NE(result.status.code(), absl::StatusCode::kInternal) << result.status;
  }
}

TEST(ParquetReaderTest, AColumnThatEndsEarlyIsDataLoss) {
  // The footer promises the same number of rows for both, as the writer was told.
  const std::string two = MakeParquet({{"aa", ArrayOf(arrow::int32(), "[1, 2]")}});
  const std::string three = MakeParquet({{"aa", ArrayOf(arrow::int32(), "[1, 2, 3]")}});
  // The pages of one file in front of the footer of another.
  uint32_t footer = 0;
  std::memcpy(&footer, three.data() + three.size() - 8, sizeof footer);
  const std::string mixed = two.substr(0, two.size() - 8) + three.substr(three.size() - 8 - footer);
  const ReadResult result = ReadRows(mixed);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss) << result.status;
}

// An object that cannot be reached any more after some reads.
class FailingObject : public MemoryObject {
 public:
  FailingObject(std::string bytes, int reads) : MemoryObject(std::move(bytes)), left_(reads) {}
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    if (left_-- <= 0) return absl::UnavailableError("the network is down");
    return MemoryObject::ReadAt(offset, to);
  }

 private:
  int left_;
};

TEST(ParquetReaderTest, ErrorsOfTheStoreKeepTheirCode) {
  const std::string file = MixedFile();
  for (int reads = 0; reads < 12; ++reads) {
    auto reader = OpenParquet(std::make_shared<FailingObject>(file, reads), {});
    absl::Status status = reader.status();
    while (status.ok()) {
      const auto chunk = (*reader)->Read({});
      status = chunk.status();
      if (!status.ok()) {
        EXPECT_EQ((*reader)->Read({}).status(), status);  // the reader is finished
      } else if (*chunk == nullptr) {
        break;
      }
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(Message(status), HasSubstr("the network is down"));
  }
}

TEST(ParquetReaderTest, OneRowOfTooManyElementsIsRefused) {
  const auto node = parquet::schema::Int32("v", parquet::Repetition::REPEATED);
  const std::string file = MakeLowLevelParquet({node}, [](parquet::RowGroupWriter& group) {
    // Run-length encoding makes 10 million equal elements nearly free.
    constexpr int kBatch = 1'000'000;
    const std::vector<int16_t> definitions(kBatch, 1);
    std::vector<int16_t> repetitions(kBatch, 1);
    const std::vector<int32_t> values(kBatch, 7);
    auto* writer = static_cast<parquet::Int32Writer*>(group.NextColumn());
    repetitions[0] = 0;
    for (int i = 0; i < 10; ++i) {
      writer->WriteBatch(kBatch, definitions.data(), repetitions.data(), values.data());
      repetitions[0] = 1;
    }
  });
  EXPECT_LT(file.size(), 1u << 20);
  const ReadResult result = ReadRows(file);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument) << result.status;
  EXPECT_THAT(Message(result.status), HasSubstr("takes more than 64 MB in one column"));
}

}  // namespace
}  // namespace millrace
