#include "export/jql_export.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace millrace {
namespace {

using nlohmann::json;
using testing::ElementsAre;

const mixpanel::RawExportRequest kRequest = {.from = absl::CivilDay(2026, 11, 1),
                                             .to = absl::CivilDay(2026, 11, 6),
                                             .processed_from_millis = 1'000,
                                             .processed_to_millis = 2'000};

TEST(JqlExportTest, TheScriptGetsItsWindowAndTheUsersParams) {
  EXPECT_EQ(json::parse(JqlParams({.params = R"({"plan":"pro"})"}, kRequest)),
            json::parse(R"({"plan":"pro","from":1000,"to":2000,"from_date":"2026-11-01",)"
                        R"("to_date":"2026-11-06"})"));
  EXPECT_TRUE(CheckJqlParams("{}").ok());
  for (const char* params : {"", "[]", "1", "{", R"({"from":1})", R"({"to_date":1})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckJqlParams(params))) << params;
  }
}

TEST(JqlExportTest, EventsAndProfilesBecomeRecords) {
  EXPECT_EQ(JqlRecord(RecordType::kEvent,
                      R"({"name":"buy","distinct_id":"u","time":5,"sampling_factor":1,)"
                      R"("properties":{"$insert_id":"i","n":12345678901234567890}})",
                      9),
            R"({"event":"buy","properties":{"$insert_id":"i","n":12345678901234567890,)"
            R"("time":5,"distinct_id":"u"}})");
  EXPECT_EQ(JqlRecord(RecordType::kUser, R"({"distinct_id":"u","properties":{"a":1}})", 9),
            R"({"$distinct_id":"u","$time":9,"$properties":{"a":1}})");
}

TEST(JqlExportTest, RowsOfAnotherFormAreLeftToMapping) {
  for (const char* row : {R"({"event":"e","properties":{"time":1}})", R"({"key":["a"],"value":2})",
                          "7", "null", "[1,2]", R"({"name":"x","properties":1})", "{"}) {
    EXPECT_EQ(JqlRecord(RecordType::kEvent, row, 9), row);
  }
  EXPECT_EQ(JqlRecord(RecordType::kUser, R"({"$distinct_id":"u","$set":{}})", 9),
            R"({"$distinct_id":"u","$set":{}})");
}

TEST(JqlExportTest, EverythingThatDecidesTheRowsIsPartOfTheSelection) {
  const JqlScript script = {.text = "a", .params = "{}", .type = RecordType::kEvent};
  std::vector<std::string> all = {JqlSelection(script)};
  for (const JqlScript& other : {JqlScript{.text = "b"}, JqlScript{.text = "a", .params = "{} "},
                                 JqlScript{.text = "a", .type = RecordType::kUser}}) {
    all.push_back(JqlSelection(other));
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

TEST(JqlExportTest, RunsTheScriptForAWindow) {
  mixpanel::JqlQuery asked;
  const mixpanel::RawExport raw_export = JqlExport(
      [&](const mixpanel::JqlQuery& query, const auto& on_row, std::stop_token) {
        asked = query;
        return on_row(R"({"name":"e","properties":{}})");
      },
      {.text = "script"});
  std::vector<std::string> lines;
  EXPECT_TRUE(raw_export(kRequest,
                         [&](std::string_view line) {
                           lines.emplace_back(line);
                           return absl::OkStatus();
                         },
                         {})
                  .ok());
  EXPECT_THAT(lines, ElementsAre(R"({"event":"e","properties":{}})"));
  EXPECT_EQ(asked.script, "script");
  EXPECT_EQ(json::parse(asked.params)["from"], 1'000);
}

}  // namespace
}  // namespace millrace
