#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/clock.h"
#include "base/strings.h"
#include "io/temp_folder.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"

namespace millrace {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BilledDestination : public PlainDestination {
 public:
  std::vector<BilledUnit> units;
  std::vector<BilledUnit> billed_units() const override { return units; }
};

class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempFolder::Make(testing::TempDir(), "plan_test");
    ASSERT_TRUE(folder.ok()) << folder.status();
    temp_ = *std::move(folder);
    folder_ = *temp_->MakeFolder("data");
    UseConfig(R"("mixpanel_event_name": "click")");
    request_.import.inputs = {folder_};
    destination_.record_rules = RecordRules::Mixpanel();
    destination_.send_limits = {.events_per_second = 30'000, .bytes_per_second = 2e9 / 60};
    request_.destination = &destination_;
  }

  // One entry for the test's folder, with time from "ts" and all the rest.
  void UseConfig(std::string_view members) {
    auto sources = SourcesConfig::Parse(
        StrCat(R"([{"config_id": "clicks", "source_gcs_prefix": ")", folder_, R"(/", )", members,
               R"(, "field_mappings": [{"source_field": "ts", "mixpanel_field": "time",
               "type": "unix_timestamp_auto"}, {"source_field": "user", "mixpanel_field":
               "$user_id"}, {"source_field": "*", "mixpanel_field": "*"}]}])"),
        "sources.json");
    ASSERT_TRUE(sources.ok()) << sources.status();
    request_.import.sources = *std::move(sources);
  }

  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string Rows(int count, int first = 0) {
    std::string rows;
    for (int i = first; i < first + count; ++i) {
      StrAppend(&rows, R"({"ts": )", 1'600'000'000 + i, R"(, "user": "u)", i % 10, R"(", "n": )", i,
                "}\n");
    }
    return rows;
  }

  ImportPlan Plan() {
    PlanProgress progress;
    auto plan = PlanImport(request_, ledger_, {}, progress);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : ImportPlan();
  }

  std::unique_ptr<TempFolder> temp_;
  std::string folder_;
  BilledDestination destination_;
  PlanRequest request_;
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
};

TEST_F(PlanTest, CountsASmallFileExactly) {
  Write("a.ndjson", Rows(100));
  const ImportPlan plan = Plan();
  ASSERT_EQ(plan.entries.size(), 1u);
  const EntryPlan& entry = plan.entries.front();
  EXPECT_TRUE(plan.success());
  EXPECT_TRUE(plan.exact);
  EXPECT_EQ(entry.objects_to_do(), 1u);
  EXPECT_EQ(entry.to_do.rows, 100);
  EXPECT_EQ(entry.to_do.events, 100);
  EXPECT_EQ(entry.to_do.requests, 1);
  EXPECT_GT(entry.to_do.bytes, 10'000);
  EXPECT_LT(entry.to_do.gzip_bytes, entry.to_do.bytes);
  EXPECT_NEAR(entry.seconds_at_quota, 100 / 30'000.0, 1e-4);
  EXPECT_THAT(entry.formats, ElementsAre("NDJSON"));
  EXPECT_THAT(entry.columns, ElementsAre("ts", "user", "n"));
  EXPECT_EQ(entry.records.first, absl::FromUnixSeconds(1'600'000'000));
  EXPECT_THAT(plan.problems, IsEmpty());
}

// Large records do not make up for small ones.
TEST_F(PlanTest, SmallRecordsAreBilledOneByOne) {
  const std::string large(50'000, 'x');
  Write("a.ndjson", Rows(9) + R"({"ts":1600000000,"user":"u","n":")" + large + "\"}\n");
  const Amounts whole = Plan().entries.front().to_do;
  EXPECT_EQ(whole.events, 10);
  EXPECT_EQ(whole.padded_bytes, whole.bytes);
  destination_.units = {{.min_record_bytes = 1024}};
  const Amounts padded = Plan().entries.front().to_do;
  EXPECT_EQ(padded.bytes, whole.bytes);
  EXPECT_GT(padded.padded_bytes, 9 * 1024 + 50'000);
  EXPECT_LT(padded.padded_bytes, 9 * 1024 + 51'000);
}

TEST_F(PlanTest, CountsTheCellsThatANullWordMadeNull) {
  Write("a.csv", "ts,user,country\n1600000000,u1,NA\n1600000001,u2,DE\n1600000002,NULL,NA\n");
  const ImportPlan plan = Plan();
  const std::vector<NullWordCount>& words = plan.entries.front().null_words;
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].column, "country");
  EXPECT_EQ(words[0].word, "NA");
  EXPECT_EQ(words[0].cells, 2u);
  EXPECT_EQ(words[1].column, "user");
  EXPECT_EQ(words[1].word, "NULL");
  EXPECT_THAT(plan.problems,
              Contains(Field(&PlanProblem::message,
                             HasSubstr("2 cells of column \"country\" hold \"NA\""))));

  UseConfig(R"("mixpanel_event_name": "click", "null_values": [])");
  EXPECT_THAT(Plan().entries.front().null_words, IsEmpty());
}

TEST_F(PlanTest, FindsNullWordsInTextFormatsOnly) {
  Write("a.ndjson", R"({"ts":1600000000,"user":"u1","x":"abc"}
{"ts":1600000001,"user":"u2","x":null}
)");
  EXPECT_THAT(Plan().entries.front().null_words, IsEmpty());
}

TEST_F(PlanTest, AStrictPlanFailsForOneHiddenName) {
  Write("a.ndjson", Rows(10));
  Write("_b.ndjson", Rows(10));
  EXPECT_TRUE(Plan().success());
  request_.import.strict = true;
  const ImportPlan plan = Plan();
  EXPECT_FALSE(plan.success());
  ASSERT_THAT(plan.problems, Contains(Field(&PlanProblem::code, "hidden_names")));
  EXPECT_EQ(plan.problems.front().severity, PlanProblem::Severity::kError);
}

TEST_F(PlanTest, ReportsDuplicateColumnsAndHiddenNames) {
  Write("a.csv", "ts,user,a,a\n1600000000,u1,1,2\n");
  Write("_b.csv", "x");
  const ImportPlan plan = Plan();
  EXPECT_TRUE(plan.success());
  EXPECT_EQ(plan.objects_hidden, 1u);
  EXPECT_THAT(plan.problems, Contains(Field(&PlanProblem::code, "duplicate_column")));
  EXPECT_THAT(plan.problems, Contains(Field(&PlanProblem::code, "hidden_names")));
  request_.import.strict = true;
  EXPECT_FALSE(Plan().success());
}

TEST_F(PlanTest, EstimatesALargeFileFromASample) {
  Write("a.ndjson", Rows(200'000));
  request_.sample_rows = 20'000;
  const ImportPlan plan = Plan();
  EXPECT_FALSE(plan.exact);
  EXPECT_EQ(plan.entries.front().sampled_rows, 20'000u);
  EXPECT_NEAR(plan.to_do.rows, 200'000, 10'000);
  EXPECT_NEAR(plan.to_do.requests, 100, 6);
}

TEST_F(PlanTest, ReadsEverythingOnRequest) {
  Write("a.ndjson", Rows(10'000));
  Write("b.ndjson", Rows(10'000, 10'000));
  request_.sample_rows = 0;
  request_.sample_objects = 0;
  const ImportPlan plan = Plan();
  EXPECT_TRUE(plan.exact);
  EXPECT_EQ(plan.to_do.rows, 20'000);
}

TEST_F(PlanTest, SamplesSomeOfManyObjectsAndEstimatesTheRestByBytes) {
  for (int i = 0; i < 30; ++i) Write(StrCat("f", 100 + i, ".ndjson"), Rows(100, i * 100));
  request_.sample_objects = 5;
  const ImportPlan plan = Plan();
  const EntryPlan& entry = plan.entries.front();
  EXPECT_EQ(entry.objects_sampled, 5u);
  EXPECT_FALSE(plan.exact);
  EXPECT_NEAR(plan.to_do.rows, 3'000, 100);
  EXPECT_EQ(entry.listed.size(), 30u);
  EXPECT_TRUE(std::is_sorted(entry.listed.begin(), entry.listed.end(),
                             [](const auto& a, const auto& b) { return a.uri < b.uri; }));
}

TEST_F(PlanTest, ShowsRejectedRecordsWithTheirPlace) {
  Write("a.ndjson", Rows(10) + R"({"ts": "04/05/2024", "user": "u1"})" + "\n{broken\n");
  const ImportPlan plan = Plan();
  EXPECT_FALSE(plan.success());
  const EntryPlan& entry = plan.entries.front();
  EXPECT_EQ(entry.rejected, 2u);
  ASSERT_EQ(entry.rejections.size(), 2u);
  const RejectionStats& time = entry.rejections[0];
  EXPECT_EQ(time.code, "invalid_time");
  EXPECT_EQ(time.field, "ts");
  EXPECT_EQ(time.first.row, 10u);
  EXPECT_THAT(time.first.before, HasSubstr("04/05/2024"));
  EXPECT_EQ(entry.rejections[1].code, "unreadable_row");
  EXPECT_EQ(entry.rejections[1].first.before, "{broken");
  EXPECT_EQ(plan.to_do.rejected, 2);
}

TEST_F(PlanTest, PreviewsDifferentEventsFirst) {
  UseConfig(R"("mixpanel_event_name_from_field": "kind")");
  std::string rows;
  for (const char* kind : {"a", "a", "b"}) {
    StrAppend(&rows, R"({"ts": 1600000000, "user": "u", "kind": ")", kind, "\"}\n");
  }
  Write("a.ndjson", rows);
  request_.previews = 2;
  const ImportPlan plan = Plan();
  const auto& previews = plan.entries.front().previews;
  ASSERT_EQ(previews.size(), 2u);
  EXPECT_EQ(previews[0].row, 0u);
  EXPECT_EQ(previews[1].row, 2u);
  EXPECT_THAT(previews[1].before, HasSubstr(R"("kind":"b")"));
  EXPECT_THAT(previews[1].after, HasSubstr(R"({"event":"b","properties":{"time":1600000000000)"));
}

TEST_F(PlanTest, CountsIdenticalRowsOverObjects) {
  Write("a.ndjson", Rows(10));
  Write("b.ndjson", Rows(4));
  EXPECT_EQ(Plan().entries.front().records.identical, 4u);
  UseConfig(R"("mixpanel_event_name": "click", "insert_id": "position")");
  EXPECT_EQ(Plan().entries.front().records.identical, 0u);
}

TEST_F(PlanTest, SkipsWhatTheLedgerHasAndResumesWhereItStopped) {
  Write("a.ndjson", Rows(100));
  Write("b.ndjson", Rows(100, 100));
  const SourceConfig& config = *request_.import.sources.entries().front();
  auto store = NewLocalObjectStore();
  const std::string destination = destination_.LedgerName(RecordType::kEvent);
  ASSERT_TRUE(store
                  ->List(folder_,
                         [&](const ObjectInfo& object) {
                           auto claim = ledger_.ClaimObject(
                               {KeyOf(object, config, destination), "me", 1, absl::Minutes(5)}, {});
                           const bool first = object.uri.ends_with("a.ndjson");
                           claim->entry.state = first ? LedgerState::kDone : LedgerState::kOpen;
                           claim->entry.position =
                               first ? Position{100, 0} : Position{60, Rows(60, 100).size()};
                           return ledger_.Store(claim->entry, absl::Minutes(5), {});
                         })
                  .ok());
  ImportPlan plan = Plan();
  const EntryPlan& entry = plan.entries.front();
  EXPECT_EQ(entry.objects_done, 1u);
  EXPECT_EQ(entry.objects_partly_done, 1u);
  EXPECT_EQ(entry.objects_to_do(), 1u);
  EXPECT_EQ(entry.to_do.rows, 40);
  EXPECT_EQ(entry.previews.front().row, 60u);

  request_.import.force = true;
  EXPECT_EQ(Plan().to_do.rows, 200);
}

TEST_F(PlanTest, NamesUnmatchedAndUnreadableObjects) {
  Write("a.ndjson", Rows(10));
  Write("b.bin", std::string("PK\x03\x04 binary", 11));
  const std::string other = temp_->path() + "/other.ndjson";
  std::ofstream(other) << Rows(1);
  request_.import.inputs.push_back(other);
  const ImportPlan plan = Plan();
  EXPECT_EQ(plan.objects_unmatched, 1u);
  EXPECT_EQ(plan.entries.front().objects_failed, 1u);
  EXPECT_FALSE(plan.success());
  EXPECT_THAT(plan.problems, Contains(Field(&PlanProblem::code, "no_entry_fits")));
  EXPECT_THAT(plan.problems, Contains(Field(&PlanProblem::code, "unreadable_object")));
  EXPECT_EQ(plan.to_do.rows, 10);
}

TEST_F(PlanTest, NothingToListIsAnError) {
  request_.import.inputs = {folder_ + "/nothing-*.csv"};
  PlanProgress progress;
  EXPECT_EQ(PlanImport(request_, ledger_, {}, progress).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(PlanTest, AStopEndsItWithAPartialPlan) {
  Write("a.ndjson", Rows(10));
  std::stop_source stop;
  stop.request_stop();
  PlanProgress progress;
  const auto plan = PlanImport(request_, ledger_, stop.get_token(), progress);
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan->stopped);
}

}  // namespace
}  // namespace millrace
