#include "plan/plan_problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

SourcesConfig Sources(std::string_view extra = "") {
  auto sources = SourcesConfig::Parse(
      StrCat(
          R"([{"config_id": "clicks", "source_gcs_prefix": "gs://b/", "mixpanel_event_name": "c",)",
          extra, R"("field_mappings": [{"source_field": "ts", "mixpanel_field": "time"}]}])"),
      "sources.json");
  EXPECT_TRUE(sources.ok()) << sources.status();
  return *std::move(sources);
}

class PlanProblemsTest : public ::testing::Test {
 protected:
  PlanProblemsTest() {
    EntryPlan& entry = plan_.entries.emplace_back();
    entry.config_id = "clicks";
    entry.objects = entry.objects_sampled = 4;
    entry.sampled_rows = entry.mapped = entry.records.records = 1'000;
    entry.records.names = {{"c", 1'000}};
  }
  EntryPlan& entry() { return plan_.entries.front(); }

  std::vector<std::string> Codes(const SourcesConfig& sources = Sources()) {
    std::vector<std::string> codes;
    for (const PlanProblem& problem : FindProblems(plan_, sources)) codes.push_back(problem.code);
    return codes;
  }
  PlanProblem Only(const SourcesConfig& sources = Sources()) {
    const std::vector<PlanProblem> problems = FindProblems(plan_, sources);
    EXPECT_EQ(problems.size(), 1u);
    return problems.empty() ? PlanProblem() : problems.front();
  }

  ImportPlan plan_;
};

TEST_F(PlanProblemsTest, AGoodPlanHasNone) {
  EXPECT_THAT(Codes(), IsEmpty());
  EXPECT_TRUE(plan_.success());
}

TEST_F(PlanProblemsTest, ErrorsComeFirst) {
  plan_.objects_unmatched = 2;
  plan_.unmatched = {"/a", "/b"};
  entry().rejected = 1;
  entry().rejections = {{.code = "invalid_time", .field = "ts", .records = 1, .message = "m"}};
  entry().listed = {{.uri = "/broken", .error = "truncated"}};
  entry().objects_failed = 1;
  EXPECT_THAT(Codes(), ElementsAre("unreadable_object", "rejected_records", "no_entry_fits"));
  EXPECT_FALSE(plan_.success());
}

TEST_F(PlanProblemsTest, RejectionsSayWhatToDo) {
  entry().rejections = {{.code = "invalid_time", .field = "ts", .records = 5, .message = "bad"}};
  const PlanProblem problem = Only();
  EXPECT_EQ(problem.severity, PlanProblem::Severity::kError);
  EXPECT_THAT(problem.message, HasSubstr("less than 1 %"));
  EXPECT_THAT(problem.message, HasSubstr("invalid_time in ts: bad"));
  EXPECT_THAT(problem.advice, HasSubstr("ISO 8601"));
}

TEST_F(PlanProblemsTest, EveryCodeOfTheMapperHasAdvice) {
  for (const char* code : {"unreadable_row", "missing_event_name", "missing_required_field",
                           "invalid_time", "invalid_value", "invalid_id", "event_too_large",
                           "too_many_properties", "transform_exception"}) {
    EXPECT_THAT(RejectionAdvice(code), Not(IsEmpty())) << code;
  }
  EXPECT_EQ(RejectionAdvice("no_such_code"), "");
}

TEST_F(PlanProblemsTest, AdviceOnIdenticalRowsFitsTheIdRule) {
  entry().records.identical = 3;
  EXPECT_EQ(Only().code, "identical_records");
  EXPECT_THAT(Only().advice, HasSubstr("set \"insert_id\": \"position\" in the entry"));
  EXPECT_THAT(Only(Sources(R"("insert_id": ["a"],)")).advice, HasSubstr("name more columns"));
}

TEST_F(PlanProblemsTest, MissingColumnsNameTheNearestColumn) {
  entry().missing_columns = {
      {.column = "bussiness_ts", .used_for = "\"time\"", .objects = 4, .nearest = "business_ts"}};
  EXPECT_THAT(Only().message,
              HasSubstr("\"bussiness_ts\", used for \"time\", is not in the sample"));
  EXPECT_EQ(Only().advice, "did you mean \"business_ts\"?");
}

TEST_F(PlanProblemsTest, MissingInSomeObjectsNamesOne) {
  entry().columns = {"a", "b"};
  entry().missing_columns = {
      {.column = "ts", .used_for = "\"time\"", .objects = 2, .first_object = "/x"}};
  EXPECT_THAT(Only().message, HasSubstr("is not in 2 of the 4 sampled objects, such as /x"));
  EXPECT_THAT(Only().advice, HasSubstr("a, b"));
}

TEST_F(PlanProblemsTest, FewEventsWithoutUserAreNoProblem) {
  entry().records.without_user = 49;
  EXPECT_THAT(Codes(), IsEmpty());
  entry().records.without_user = 50;
  EXPECT_THAT(Codes(), ElementsAre("no_user"));
}

TEST_F(PlanProblemsTest, NotesDatesOnlyAndTimesAhead) {
  entry().records.at_midnight = 1'000;
  entry().records.in_future = 1;
  EXPECT_THAT(Codes(), ElementsAre("future_times", "dates_only"));
}

TEST_F(PlanProblemsTest, ManyEventNames) {
  entry().records.names.assign(501, {"n", 1});
  EXPECT_THAT(Codes(), ElementsAre("many_event_names"));
}

TEST_F(PlanProblemsTest, LimitsNameThePropertyAndTheBound) {
  entry().records.excesses = {{RecordLimit::kTextBytes, "title", 12, 400}};
  EXPECT_EQ(Only().code, "long_text");
  EXPECT_EQ(Only().field, "title");
  EXPECT_THAT(Only().message, HasSubstr("exceeds 255 bytes of text in 12 records"));
}

TEST_F(PlanProblemsTest, ReportsWhatTheLedgerKnows) {
  entry().objects_config_changed = 1;
  entry().objects_changed = 2;
  entry().objects_held = 3;
  EXPECT_THAT(Codes(), ElementsAre("config_changed", "object_changed", "held"));
}

TEST_F(PlanProblemsTest, AnEntryWithoutObjectsIsProbablyMisspelt) {
  entry() = {.config_id = "clicks"};
  EXPECT_EQ(Only().code, "entry_without_objects");
  EXPECT_THAT(Only().message, HasSubstr("gs://b/"));
}

}  // namespace
}  // namespace millrace
