#include "generate/event_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/strings.h"
#include "generate/event_model.h"
#include "generate/testing/read_rows.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class GenerateEventsTest : public ::testing::Test {
 protected:
  std::string Folder(std::string_view name) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    const fs::path folder = fs::path(::testing::TempDir()) /
                            StrCat(test->test_suite_name(), "_", test->name(), "_", name);
    fs::remove_all(folder);
    return folder.string();
  }

  GenerateReport Generate(GenerateEventsOptions options) {
    auto report = GenerateEvents(options, {});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : GenerateReport();
  }

  static std::string Content(const std::string& path) {
    auto content = ReadWholeFile(path);
    EXPECT_TRUE(content.ok()) << content.status();
    return content.ok() ? *content : "";
  }
};

TEST_F(GenerateEventsTest, WritesEachFormatToItsOwnFolderWithOneMapping) {
  const std::string output = Folder("out");
  const GenerateReport report = Generate({.rows = 1000, .seed = 7, .output = output, .files = 2});

  EXPECT_EQ(report.rows, 1000u);
  EXPECT_THAT(report.files,
              ElementsAre(output + "/parquet/events-00000.parquet",
                          output + "/parquet/events-00001.parquet",
                          output + "/ndjson/events-00000.ndjson.gz",
                          output + "/ndjson/events-00001.ndjson.gz",
                          output + "/csv/events-00000.csv", output + "/csv/events-00001.csv"));
  uint64_t bytes = 0;
  for (const std::string& file : report.files) bytes += fs::file_size(file);
  EXPECT_EQ(report.bytes, bytes);
  const std::string sources = Content(report.sources_json);
  for (const char* prefix : {"\"parquet/\"", "\"ndjson/\"", "\"csv/\""}) {
    EXPECT_THAT(sources, HasSubstr(prefix));
  }
}

TEST_F(GenerateEventsTest, ReplacesNoFileThatExistsUnlessToldTo) {
  const std::string output = Folder("out");
  GenerateEventsOptions options{.rows = 10, .output = output, .formats = {FileType::kCsv}};
  fs::create_directories(output);
  for (const std::string name : {"sources.json", "events-00000.csv"}) {
    const std::string path = output + "/" + name;
    ASSERT_TRUE(ReplaceFile(path, "mine").ok());
    const auto refused = GenerateEvents(options, {});
    EXPECT_TRUE(absl::IsAlreadyExists(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(path));
    EXPECT_EQ(Content(path), "mine");
    EXPECT_EQ(std::distance(fs::directory_iterator(output), {}), 1) << "nothing else was written";
    fs::remove(path);
  }
  ASSERT_TRUE(ReplaceFile(output + "/sources.json", "mine").ok());
  options.replace = true;
  EXPECT_THAT(Content(Generate(options).sources_json), HasSubstr("field_mappings"));
}

TEST_F(GenerateEventsTest, OneFormatNeedsNoFolder) {
  const std::string output = Folder("out");
  const GenerateReport report =
      Generate({.rows = 10, .output = output, .formats = {FileType::kCsv}});

  EXPECT_THAT(report.files, ElementsAre(output + "/events-00000.csv"));
  EXPECT_EQ(report.sources_json, output + "/sources.json");
  EXPECT_THAT(Content(report.sources_json), HasSubstr("\"events-\""));
}

TEST_F(GenerateEventsTest, FormatsAgreeRowByRow) {
  const GenerateReport report =
      Generate({.rows = 5000, .seed = 3, .output = Folder("out"), .files = 1});

  ASSERT_THAT(report.files, SizeIs(3));
  const std::vector<std::string> parquet = ReadRows(report.files[0]);
  EXPECT_EQ(parquet.size(), 5000u);
  EXPECT_EQ(ReadRows(report.files[1]), parquet);
  EXPECT_EQ(ReadRows(report.files[2]), parquet);
}

TEST_F(GenerateEventsTest, FilesSplitTheRowsInOrder) {
  const GenerateReport one =
      Generate({.rows = 1001, .output = Folder("one"), .formats = {FileType::kNdjson}});
  const GenerateReport three = Generate(
      {.rows = 1001, .output = Folder("three"), .formats = {FileType::kNdjson}, .files = 3});

  std::vector<std::string> joined;
  for (const std::string& file : three.files) {
    for (std::string& row : ReadRows(file)) joined.push_back(std::move(row));
  }
  EXPECT_EQ(joined, ReadRows(one.files[0]));
}

TEST_F(GenerateEventsTest, TheSameSeedGivesTheSameBytes) {
  const GenerateReport a = Generate({.rows = 3000, .seed = 5, .output = Folder("a")});
  const GenerateReport b = Generate({.rows = 3000, .seed = 5, .output = Folder("b")});
  const GenerateReport c = Generate({.rows = 3000, .seed = 6, .output = Folder("c")});

  ASSERT_EQ(a.files.size(), b.files.size());
  for (size_t i = 0; i < a.files.size(); ++i) {
    EXPECT_EQ(Content(a.files[i]), Content(b.files[i])) << a.files[i];
    EXPECT_NE(Content(a.files[i]), Content(c.files[i])) << a.files[i];
  }
  EXPECT_EQ(Content(a.sources_json), Content(b.sources_json));
}

TEST_F(GenerateEventsTest, ReportsProgressToTheEnd) {
  std::vector<uint64_t> done;
  const GenerateEventsOptions options = {
      .rows = 25'000, .output = Folder("out"), .formats = {FileType::kCsv}};
  ASSERT_TRUE(GenerateEvents(options, {}, [&](uint64_t rows, uint64_t total) {
                EXPECT_EQ(total, 25'000u);
                done.push_back(rows);
              }).ok());
  EXPECT_THAT(done, ElementsAre(10'000, 20'000, 25'000));
}

TEST_F(GenerateEventsTest, AStopLeavesNoUnfinishedFile) {
  const std::string output = Folder("out");
  std::stop_source stop;
  stop.request_stop();
  const auto report = GenerateEvents({.rows = 50'000, .output = output}, stop.get_token());

  EXPECT_EQ(report.status().code(), absl::StatusCode::kCancelled);
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    EXPECT_TRUE(entry.is_directory()) << entry.path();
  }
}

TEST_F(GenerateEventsTest, RefusesOptionsThatMakeNoSense) {
  const std::string output = Folder("out");
  const GenerateEventsOptions wrong[] = {
      {.rows = 10, .output = ""},
      {.rows = 0, .output = output},
      {.rows = 2, .output = output, .files = 3},
      {.rows = 2, .output = output, .files = 0},
      {.rows = 2, .output = output, .formats = {FileType::kTsv}},
  };
  for (const GenerateEventsOptions& options : wrong) {
    EXPECT_EQ(GenerateEvents(options, {}).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(fs::exists(output));
}

TEST(EventModelTest, GeneratesARealisticMix) {
  constexpr uint64_t kRows = 20'000;
  constexpr int64_t kBegin = 1'790'899'200'000'000;
  constexpr int64_t kEnd = 1'793'491'200'000'000;
  const EventModel model(1, kRows, kBegin, kEnd);
  GeneratedEvent event;
  std::map<std::string, uint64_t> names;
  std::map<std::string, uint64_t> users;
  std::set<std::string> insert_ids;
  uint64_t amounts = 0;
  uint64_t comments = 0;
  for (uint64_t row = 0; row < kRows; ++row) {
    model.Make(row, event);
    ++names[std::string(event.event_name)];
    ++users[event.user_id];
    insert_ids.insert(event.insert_id);
    amounts += event.amount.has_value();
    comments += event.comment.has_value();
    ASSERT_THAT(event.business_ts, AllOf(Ge(kBegin), Le(kEnd)));
    ASSERT_EQ(std::to_string(event.session_id).size(), 19u);
    ASSERT_THAT(event.insert_id, SizeIs(36));
    ASSERT_THAT(event.device_id, SizeIs(36));
  }
  EXPECT_EQ(names.size(), 12u);
  EXPECT_GT(names["page_view"], kRows / 4);
  EXPECT_EQ(insert_ids.size(), kRows);
  EXPECT_THAT(users, SizeIs(AllOf(Ge(1000u), Le(10'000u))));
  EXPECT_THAT(amounts, AllOf(Ge(kRows / 10), Le(kRows / 2)));
  EXPECT_THAT(comments, AllOf(Ge(kRows / 5), Le(kRows / 2)));
}

}  // namespace
}  // namespace millrace
