// The ids of load jobs, and what their failures mean; the contract is in
// bigquery_staging_contract_test.cc.
#include "connectors/bigquery/load_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/testing/load_process.h"

namespace millrace {
namespace {

using bigquery::FakeJobs;
using bigquery::JobPace;
using bigquery::LoadProcess;
using loads::FileLoad;
using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = loads::FileLoader::Outcome;

constexpr char kCommit[] = "0123456789abcdef0123456789abcdef";

FileLoad OneFile(const std::string& commit = kCommit) {
  return {.commit = commit,
          .files = {{.uri = "gs://b/x/" + commit + "-00000.ndjson.gz", .rows = 1, .bytes = 10}},
          .write_manifest = {},
          .remove_files = [] { return absl::OkStatus(); }};
}

std::vector<std::string> Ids(const FakeJobs& jobs) {
  std::vector<std::string> ids;
  for (const nlohmann::json& job : jobs.created) ids.push_back(job["jobReference"]["jobId"]);
  return ids;
}

TEST(LoadJobsTest, AJobAppendsAllFilesInTheLocationOfTheDataset) {
  FakeJobs jobs;
  LoadProcess process(jobs);
  FileLoad load = OneFile();
  load.files.push_back({.uri = "gs://b/x/2.ndjson.gz", .rows = 1, .bytes = 10});
  const auto outcome = process.loader.Load(load, {});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(*outcome, Outcome::kCommitted);
  ASSERT_EQ(jobs.created.size(), 1u);
  const nlohmann::json& job = jobs.created[0];
  EXPECT_EQ(job["jobReference"],
            nlohmann::json({{"projectId", "p"},
                            {"jobId", "millrace_0123456789abcdef0123456789abcdef_0"},
                            {"location", "EU"}}));
  const nlohmann::json& config = job["configuration"]["load"];
  EXPECT_EQ(config["sourceUris"].size(), 2u);
  EXPECT_EQ(config["destinationTable"]["tableId"], "events");
  EXPECT_EQ(config["writeDisposition"], "WRITE_APPEND");
  EXPECT_EQ(config["createDisposition"], "CREATE_NEVER");
  EXPECT_EQ(config["sourceFormat"], "NEWLINE_DELIMITED_JSON");
  EXPECT_EQ(config["maxBadRecords"], 0);
  EXPECT_EQ(*process.loader.OutcomeOf(kCommit, {}), Outcome::kCommitted);
  EXPECT_EQ(*LoadProcess(jobs).loader.OutcomeOf(kCommit, {}), Outcome::kCommitted);
  // Again, by anybody.
  EXPECT_EQ(*LoadProcess(jobs).loader.Load(load, {}), Outcome::kCommitted);
  EXPECT_EQ(jobs.created.size(), 1u);
}

TEST(LoadJobsTest, TheAttemptIsRaisedOnlyAfterAKnownFailure) {
  FakeJobs jobs;
  LoadProcess process(jobs);
  jobs.FailNextInsert({.status = 0, .reason = {}}, /*with_effect=*/true);
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(), {}).status()));
  EXPECT_EQ(*process.loader.Load(OneFile(), {}), Outcome::kCommitted);
  EXPECT_EQ(jobs.created.size(), 1u);

  const std::string other(32, 'a');
  jobs.failures = {"backendError", "invalid", "rateLimitExceeded"};
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(other), {}).status()));
  const absl::Status invalid = process.loader.Load(OneFile(other), {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(invalid)) << invalid;
  EXPECT_THAT(invalid.message(), HasSubstr("row 7: no such field: x"));
  EXPECT_TRUE(absl::IsUnavailable(LoadProcess(jobs).loader.Load(OneFile(other), {}).status()));
  EXPECT_EQ(*LoadProcess(jobs).loader.Load(OneFile(other), {}), Outcome::kCommitted);
  const std::string id = "millrace_" + other;
  EXPECT_THAT(Ids(jobs), ElementsAre(StrCat("millrace_", kCommit, "_0"), id + "_0", id + "_1",
                                     id + "_2", id + "_3"));
}

TEST(LoadJobsTest, ARequestThatIsLateFindsItsIdTaken) {
  FakeJobs jobs;
  LoadProcess process(jobs);
  jobs.failures = {"backendError"};
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(), {}).status()));
  jobs.DelayNextInsert();
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(), {}).status()));
  EXPECT_EQ(*LoadProcess(jobs).loader.Abandon(OneFile(), {}), Outcome::kAbandoned);
  jobs.DeliverLate();
  EXPECT_EQ(*process.loader.Load(OneFile(), {}), Outcome::kAbandoned);
  EXPECT_EQ(*process.loader.OutcomeOf(kCommit, {}), Outcome::kAbandoned);
  ASSERT_EQ(jobs.created.size(), 2u);
  EXPECT_EQ(jobs.created[1]["configuration"]["query"]["query"], "SELECT 1");
}

TEST(LoadJobsTest, AJobThatRunsIsAwaitedBeforeItsCommitIsAbandoned) {
  FakeJobs jobs;
  jobs.polls_until_done = 3;
  LoadProcess process(jobs);
  jobs.FailNextInsert({.status = 0, .reason = {}}, /*with_effect=*/true);
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(), {}).status()));
  EXPECT_EQ(*LoadProcess(jobs).loader.OutcomeOf(kCommit, {}), Outcome::kNone);
  EXPECT_EQ(*LoadProcess(jobs).loader.Abandon(OneFile(), {}), Outcome::kCommitted);

  const std::string other(32, 'b');
  jobs.failures = {"invalid"};
  jobs.FailNextInsert({.status = 0, .reason = {}}, /*with_effect=*/true);
  EXPECT_TRUE(absl::IsUnavailable(process.loader.Load(OneFile(other), {}).status()));
  EXPECT_EQ(*LoadProcess(jobs).loader.Abandon(OneFile(other), {}), Outcome::kAbandoned);
}

TEST(LoadJobsTest, WithoutADatasetNothingIsThere) {
  FakeJobs jobs;
  jobs.has_dataset = false;
  LoadProcess process(jobs);
  bool has_removed = false;
  FileLoad load = OneFile();
  load.remove_files = [&] {
    has_removed = true;
    return absl::OkStatus();
  };
  EXPECT_EQ(*process.loader.OutcomeOf(kCommit, {}), Outcome::kNone);
  EXPECT_EQ(*process.loader.Abandon(load, {}), Outcome::kAbandoned);
  EXPECT_TRUE(has_removed);
}

TEST(LoadJobsTest, ErrorsSayWhatToDoNext) {
  const struct {
    int http;
    const char* reason;
    absl::StatusCode code;
  } kCases[] = {
      {503, "backendError", absl::StatusCode::kUnavailable},
      {500, "internalError", absl::StatusCode::kUnavailable},
      {403, "rateLimitExceeded", absl::StatusCode::kUnavailable},
      {403, "quotaExceeded", absl::StatusCode::kUnavailable},
      {403, "accessDenied", absl::StatusCode::kPermissionDenied},
      {401, "authError", absl::StatusCode::kUnauthenticated},
      {400, "invalid", absl::StatusCode::kInvalidArgument},
  };
  for (const auto& one : kCases) {
    FakeJobs jobs;
    LoadProcess process(jobs);
    jobs.FailNextInsert({.status = one.http, .reason = one.reason}, /*with_effect=*/false);
    const absl::Status status = process.loader.Load(OneFile(), {}).status();
    EXPECT_EQ(status.code(), one.code) << one.reason << ": " << status;
    EXPECT_EQ(*process.loader.Load(OneFile(), {}), Outcome::kCommitted) << one.reason;
  }
  for (const char* reason : {"backendError", "internalError", "jobBackendError", "jobInternalError",
                             "jobRateLimitExceeded", "quotaExceeded", "rateLimitExceeded",
                             "tableUnavailable", "timeout"}) {
    EXPECT_TRUE(absl::IsUnavailable(bigquery::JobFailure(reason, "x"))) << reason;
  }
  for (const char* reason :
       {"invalid", "notFound", "accessDenied", "stopped", "resourcesExceeded", ""}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(bigquery::JobFailure(reason, "x"))) << reason;
  }
}

TEST(LoadJobsTest, ALoadOfOtherRowsThanWereStagedStopsTheRun) {
  FakeJobs jobs;
  jobs.load = [](const std::string&) { return uint64_t{2}; };
  const absl::Status status = LoadProcess(jobs).loader.Load(OneFile(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  // The next run does not take it as made.
  const absl::Status next = LoadProcess(jobs).loader.OutcomeOf(OneFile().commit, {}).status();
  EXPECT_EQ(next.code(), absl::StatusCode::kDataLoss) << next;
}

TEST(LoadJobsTest, AStopEndsTheWait) {
  FakeJobs jobs;
  jobs.polls_until_done = 1'000'000;
  LoadProcess process(jobs);
  std::stop_source stop;
  jobs.load = [&](const std::string&) {
    stop.request_stop();
    return uint64_t{1};
  };
  EXPECT_TRUE(absl::IsCancelled(process.loader.Load(OneFile(), stop.get_token()).status()));
}

TEST(LoadJobsTest, ResponsesThatAreNoJobsAreUnknown) {
  for (const char* text :
       {"null", "[]", "{}", "1", R"({"configuration":{"load":{}}})",
        R"({"configuration":{"load":{}},"status":{"state":"ODD"}})",
        R"({"configuration":{"load":{}},"status":[]})", R"({"status":{"state":7}})",
        R"({"configuration":{},"status":{"state":"DONE"}})"}) {
    EXPECT_TRUE(absl::IsUnavailable(bigquery::StateOf(nlohmann::json::parse(text)).status()))
        << text;
  }
}

TEST(JobPaceTest, ATableHasFewerThan1500JobsInAnyDay) {
  FakeClock clock;
  JobPace pace(clock);
  std::vector<absl::Duration> jobs;
  const absl::Duration begin = clock.Elapsed();
  while (clock.Elapsed() - begin < absl::Hours(72)) {
    ASSERT_TRUE(pace.Acquire({}));
    jobs.push_back(clock.Elapsed());
    // A day of rest, after which a burst is allowed again.
    if (jobs.size() == 1500) clock.Advance(absl::Hours(24));
  }
  size_t most = 0;
  for (size_t first = 0, end = 0; first < jobs.size(); ++first) {
    while (end < jobs.size() && jobs[end] - jobs[first] < absl::Hours(24)) ++end;
    most = std::max(most, end - first);
  }
  EXPECT_LT(most, 1500u);
  EXPECT_GT(most, 1400u);
}

TEST(JobPaceTest, AUsedQuotaIsAwaited) {
  FakeClock clock;
  JobPace pace(clock);
  ASSERT_TRUE(pace.Acquire({}));
  const absl::Duration before = clock.Elapsed();
  pace.QuotaExceeded();
  ASSERT_TRUE(pace.Acquire({}));
  EXPECT_EQ(clock.Elapsed() - before, JobPace::kQuotaWait);
  pace.QuotaExceeded();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(pace.Acquire(stop.get_token()));
}

}  // namespace
}  // namespace millrace
