#include "objects/map_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "formats/testing/rows.h"
#include "io/temp_folder.h"
#include "objects/object_source.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MapTransformTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempFolder::Make(testing::TempDir(), "map_transform_test");
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_ = *std::move(folder);
  }

  // A config whose transform is `script`; without one if it is empty.
  void SetConfig(const std::string& script) {
    std::string entry = R"([{"config_id": "c", "source_prefix": "", "mixpanel_event_name": "e",)";
    if (!script.empty()) {
      std::ofstream(StrCat(folder_->path(), "/t.js")) << script;
      entry += R"("transform": "t.js",)";
    }
    entry += R"("field_mappings": [{"source_field": "ts", "mixpanel_field": "time"},
                {"source_field": "*", "mixpanel_field": "*"}]}])";
    const auto config = SourcesConfig::Parse(entry, StrCat(folder_->path(), "/sources.json"));
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = config->entries()[0];
  }

  // The first chunk of an object that holds `text`.
  std::unique_ptr<Chunk> Read(const std::string& text) {
    auto reader = OpenRows(std::make_shared<MemoryObject>(text), {});
    EXPECT_TRUE(reader.ok()) << reader.status();
    auto payload = std::make_unique<RowsPayload>();
    payload->config = config_;
    payload->rows = *(*reader)->Read({});
    LedgerEntry entry;
    entry.key = {.object = "o", .version = "1"};
    auto chunk = std::make_unique<Chunk>();
    chunk->object = std::make_shared<const LedgerEntry>(entry);
    chunk->rows = payload->rows->row_count();
    chunk->after.row = chunk->rows;
    chunk->payload = std::move(payload);
    return chunk;
  }

  static std::string Rows(int rows, const std::string& more = "") {
    std::string text;
    for (int i = 0; i < rows; ++i) {
      StrAppend(&text, R"({"ts": 1760000000, "distinct_id": "u", "n": )", i, more, "}\n");
    }
    return text;
  }

  // The pieces that a chunk becomes.
  std::vector<Transformed> Pieces(Chunk& chunk, size_t max_bytes) {
    std::vector<Transformed> pieces;
    transform_.Begin(chunk);
    for (bool through = false; !through && pieces.size() < 10'000;) {
      through = transform_.Next(max_bytes, pieces.emplace_back());
    }
    return pieces;
  }

  std::unique_ptr<TempFolder> folder_;
  std::shared_ptr<const SourceConfig> config_;
  MapTransform transform_{absl::FromUnixSeconds(1'760'000'100), RecordRules::Mixpanel()};
};

// All pieces in one.
Transformed Join(const std::vector<Transformed>& pieces) {
  Transformed all;
  for (const Transformed& piece : pieces) {
    for (size_t i = 0; i < piece.batch.rows(); ++i) {
      all.batch.bytes.Append(piece.batch.row(i));
      all.batch.EndRow(piece.batch.source_rows[i]);
    }
    all.rejections.insert(all.rejections.end(), piece.rejections.begin(), piece.rejections.end());
    all.filtered += piece.filtered;
  }
  return all;
}

constexpr const char* kFanOut =
    "export default (e) => { const n = e.properties.n; const all = [];\n"
    "  if (n % 10 === 3) return null;\n"
    "  if (n % 10 === 4) throw new Error('no');\n"
    "  if (n % 10 === 5) return { ...e, event: 7 };\n"
    "  for (let i = 0; i < 50; i++) all.push({ ...e, properties: { ...e.properties, i } });\n"
    "  return all; }";

TEST_F(MapTransformTest, AChunkInPiecesEqualsTheWholeChunk) {
  for (const char* script : {"", kFanOut}) {
    SetConfig(script);
    std::string text = Rows(100);
    text.insert(text.find('\n') + 1, "no JSON\n");
    text += "no JSON again\n";
    const auto chunk = Read(text);
    const std::vector<Transformed> whole = Pieces(*chunk, 1 << 30);
    ASSERT_EQ(whole.size(), 1u);
    for (const size_t max_bytes : {1, 1000, 5'000}) {
      const std::vector<Transformed> pieces = Pieces(*chunk, max_bytes);
      EXPECT_GT(pieces.size(), 1u) << max_bytes;
      const Transformed all = Join(pieces);
      EXPECT_EQ(all.batch.bytes.view(), whole[0].batch.bytes.view());
      EXPECT_EQ(all.batch.source_rows, whole[0].batch.source_rows);
      EXPECT_EQ(all.filtered, whole[0].filtered);
      ASSERT_EQ(all.rejections.size(), whole[0].rejections.size());
      std::vector<uint64_t> rows;
      std::vector<uint64_t> rows_of_whole;
      for (const Rejection& one : all.rejections) rows.push_back(one.source_row);
      for (const Rejection& one : whole[0].rejections) rows_of_whole.push_back(one.source_row);
      EXPECT_THAT(rows, testing::UnorderedElementsAreArray(rows_of_whole));
    }
  }
}

TEST_F(MapTransformTest, PiecesStaySmallForAnyOutputOfARow) {
  SetConfig(
      "export default (e) => { const all = [];\n"
      "  for (let i = 0; i < 1000; i++) all.push({ ...e, properties: { ...e.properties, i,\n"
      "    filler: 'x'.repeat(900) } });\n"
      "  return all; }");
  const auto chunk = Read(Rows(100));
  size_t events = 0;
  transform_.Begin(*chunk);
  for (bool through = false; !through;) {
    Transformed piece;
    through = transform_.Next(2 << 20, piece);
    events += piece.batch.rows();
    // The bound, plus one output of the engine, plus one row.
    EXPECT_LE(piece.batch.bytes.size(), (2u << 20) + (1u << 20) + 1'200'000u);
  }
  EXPECT_EQ(events, 100'000u);
}

// Each row is rejected with an event of a megabyte and a half.
TEST_F(MapTransformTest, RejectionsCountToo) {
  SetConfig("export default (e) => ({ ...e, properties: { t: 'x'.repeat(1500000) } });");
  const auto chunk = Read(Rows(20));
  const std::vector<Transformed> pieces = Pieces(*chunk, 4 << 20);
  EXPECT_GE(pieces.size(), 5u);
  size_t rejections = 0;
  for (const Transformed& piece : pieces) {
    EXPECT_LE(piece.rejections.size(), 5u);
    rejections += piece.rejections.size();
  }
  EXPECT_EQ(rejections, 20u);
}

TEST_F(MapTransformTest, ARowWithTooMuchOutputIsRejectedAlone) {
  SetConfig("export default (e) => e.properties.n === 1 ? Array(10001).fill(e) : [e, e];");
  const auto chunk = Read(Rows(3));
  const std::vector<Transformed> pieces = Pieces(*chunk, 1 << 30);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_THAT(pieces[0].batch.source_rows, ElementsAre(0, 0, 2, 2));
  ASSERT_EQ(pieces[0].rejections.size(), 1u);
  const Rejection& rejection = pieces[0].rejections[0];
  EXPECT_EQ(rejection.source_row, 1u);
  EXPECT_EQ(rejection.code, "transform_output_too_large");
  EXPECT_THAT(rejection.message, HasSubstr("10000 events"));
  EXPECT_THAT(rejection.payload_before, HasSubstr("\"n\":1"));
}

// Short cells under long names: a chunk of a megabyte becomes many.
TEST_F(MapTransformTest, WideRowsWithoutATransformComeInPiecesToo) {
  SetConfig("");
  std::string header = "ts,distinct_id";
  std::string cells = "1760000000,u";
  for (int i = 0; i < 200; ++i) {
    StrAppend(&header, ",", std::string(100, 'c'), i);
    cells += ",1";
  }
  std::string text = header + "\n";
  for (int row = 0; row < 1000; ++row) StrAppend(&text, cells, "\n");
  const auto chunk = Read(text);
  ASSERT_EQ(chunk->rows, 1000u);
  const std::vector<Transformed> pieces = Pieces(*chunk, 1 << 20);
  EXPECT_GE(pieces.size(), 10u);
  size_t rows = 0;
  for (const Transformed& piece : pieces) {
    EXPECT_LE(piece.batch.bytes.size(), (1u << 20) + 50'000u);
    rows += piece.batch.rows();
  }
  EXPECT_EQ(rows, 1000u);
}

TEST_F(MapTransformTest, AnAbandonedChunkIsDropped) {
  SetConfig(kFanOut);
  const auto first = Read(Rows(100));
  transform_.Begin(*first);
  Transformed piece;
  EXPECT_FALSE(transform_.Next(1, piece));
  const auto second = Read(Rows(2));
  const Transformed all = Join(Pieces(*second, 1 << 30));
  EXPECT_EQ(all.batch.rows(), 100u);
  EXPECT_EQ(all.batch.source_rows.back(), 1u);
}

}  // namespace
}  // namespace millrace
