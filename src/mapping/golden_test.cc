// The cases in testdata/*.txt (base/testing/golden_cases.h), with the sections:
//
//   --- config         one entry of a sources.json (config_id and source_prefix are added)
//   --- transform      optional: the text of its transform
//   --- input          rows: NDJSON, or CSV with its header
//   --- output         a line for each record: the number of its row, a blank, the JSON;
//                      for a rejected row: "2 ! code field: message" ("-" for no field);
//                      for filtered rows: their number at the end, "~ 3"
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/testing/golden_cases.h"
#include "formats/row_reader.h"
#include "formats/testing/rows.h"
#include "mapping/row_mapper.h"

namespace millrace {
namespace {

// Cases are written for this time.
const absl::Time kNow = absl::FromUnixSeconds(1'767'225'600);  // 2026-01-01T00:00:00Z

// Maps rows one by one or held, and writes down what became of each. Held rows have the cell opened
// that the mapper reads, as in imports.
class Recorder : public RowVisitor {
 public:
  Recorder(RowMapper& mapper, bool hold) : mapper_(mapper), hold_(hold) {}

  std::string_view opens() const override {
    return hold_ ? mapper_.opened_cell() : std::string_view();
  }
  void OnRow(const Row& row) override {
    if (hold_) {
      mapper_.Buffer(row, batch_);
      return;
    }
    MapError why;
    switch (mapper_.Map(row, batch_, why)) {
      case MapOutcome::kMapped:
        return;
      case MapOutcome::kFiltered:
        ++filtered_;
        return;
      case MapOutcome::kRejected:
        NoteRejected(row.number, why);
        return;
    }
  }
  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view /*raw*/) override {
    lines_.emplace_back(number, StrCat("! unreadable_row -: ", ToStd(why.message())));
  }

  std::string Result() {
    BufferedRows held;
    // A byte at a time: each row by itself.
    while (hold_ && !mapper_.Flush(1, batch_, held)) {
    }
    for (const BufferedRows::Rejected& rejected : held.rejected) {
      NoteRejected(rejected.row, rejected.why);
    }
    for (size_t i = 0; i < batch_.rows(); ++i) {
      lines_.emplace_back(batch_.source_rows[i], std::string(batch_.row(i)));
    }
    EXPECT_TRUE(std::is_sorted(batch_.source_rows.begin(), batch_.source_rows.end()));
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string text;
    for (const auto& [row, line] : lines_) StrAppend(&text, row, " ", line, "\n");
    if (filtered_ + held.filtered > 0) StrAppend(&text, "~ ", filtered_ + held.filtered, "\n");
    return text;
  }

 private:
  void NoteRejected(uint64_t row, const MapError& why) {
    const std::string first_line = why.message.substr(0, why.message.find('\n'));
    lines_.emplace_back(
        row, StrCat("! ", why.code, " ", why.field.empty() ? "-" : why.field, ": ", first_line));
  }

  RowMapper& mapper_;
  const bool hold_;
  Batch batch_;
  uint64_t filtered_ = 0;
  std::vector<std::pair<uint64_t, std::string>> lines_;
};

class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  // `config` with the keys that every case has.
  std::string Entry(const std::string& config, bool transform) {
    const size_t brace = config.find('{');
    std::string entry = config.substr(0, brace + 1);
    entry += R"("config_id": "golden", "source_prefix": "")";
    if (transform) entry += R"(, "transform": "transform.js")";
    std::string rest = config.substr(brace + 1);
    if (rest.find_first_not_of(" \n}") != std::string::npos) entry += ",";
    return "[" + entry + rest + "]";
  }

  // What becomes of the case's input; the folder of its files is left out of messages.
  std::string Map(const GoldenCase& one, bool hold) {
    const std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / StrCat("millrace_golden.", getpid());
    std::string result = MapIn(folder, one, hold);
    std::filesystem::remove_all(folder);
    const std::string prefix = (folder / "").string();
    for (size_t at; (at = result.find(prefix)) != std::string::npos;) {
      result.erase(at, prefix.size());
    }
    return result;
  }

  std::string MapIn(const std::filesystem::path& folder, const GoldenCase& one, bool hold) {
    std::filesystem::create_directories(folder);
    const auto script = one.sections.find("transform");
    const bool transform = script != one.sections.end();
    if (transform) std::ofstream(folder / "transform.js") << script->second;
    absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(
        Entry(one.sections.at("config"), transform), (folder / "sources.json").string());
    if (!config.ok()) return std::string(ToStd(config.status().message()));
    const std::shared_ptr<const SourceConfig> entry = config->entries()[0];
    absl::StatusOr<std::unique_ptr<RowMapper>> mapper =
        RowMapper::Make(entry, kNow, RecordRules::Mixpanel());
    if (!mapper.ok()) return StrCat(ToStd(mapper.status().message()), "\n");
    (*mapper)->BeginObject("gs://bucket/object", "7");
    Recorder recorder(**mapper, hold);
    ReadOptions options{.type = entry->file_type};
    if (entry->null_texts) options.null_texts = *entry->null_texts;
    auto reader = OpenRows(std::make_shared<MemoryObject>(one.sections.at("input")), options);
    EXPECT_TRUE(reader.ok()) << reader.status();
    DecodeScratch scratch;
    while (reader.ok()) {
      auto chunk = (*reader)->Read({});
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || *chunk == nullptr) break;
      (*chunk)->ForEachRow(scratch, recorder);
    }
    return recorder.Result();
  }
};

TEST_P(GoldenTest, Agrees) {
  for (const GoldenCase& one : ReadGoldenCases(GetParam())) {
    SCOPED_TRACE(one.name);
    const std::string& expected = one.sections.at("output");
    EXPECT_EQ(Map(one, /*hold=*/false), expected);
    EXPECT_EQ(Map(one, /*hold=*/true), expected) << "held";
  }
}

std::vector<std::string> Files() {
  std::vector<std::string> files;
  const auto folder = std::filesystem::path(MILLRACE_SOURCE_DIR) / "src/mapping/testdata";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTest, testing::ValuesIn(Files()), [](const auto& info) {
  return std::filesystem::path(info.param).stem().string();
});

}  // namespace
}  // namespace millrace
