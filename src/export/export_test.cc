#include "export/export.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "io/temp_folder.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr absl::CivilDay kToday(2026, 11, 10);

// A project whose export is what a test adds, in the order of arrival.
class FakeProject {
 public:
  void Add(absl::CivilDay day, const std::string& id, const std::string& more = "", int hour = 1) {
    const int64_t time =
        absl::ToUnixMillis(absl::FromCivil(day, absl::UTCTimeZone())) + hour * 3'600'000;
    lines_.emplace_back(day, StrCat(R"({"event":"a","properties":{"time":)", time,
                                    R"(,"distinct_id":"u","$insert_id":")", id, "\"", more, "}}"));
  }
  void AddLine(absl::CivilDay day, const std::string& line) { lines_.emplace_back(day, line); }

  absl::Status operator()(const mixpanel::RawExportRequest& request,
                          const std::function<absl::Status(std::string_view)>& on_line,
                          std::stop_token) {
    queries.push_back(request);
    int64_t begin = 0, end_of_piece = INT64_MAX;
    std::sscanf(request.where.c_str(),
                "event[\"$time\"] >= datetime(%ld) and event[\"$time\"] < datetime(%ld)", &begin,
                &end_of_piece);
    size_t records = 0;
    for (const auto& [day, line] : lines_) {
      if (day < request.from || day > request.to) continue;
      const int64_t time = nlohmann::json::parse(line)["properties"]["time"];
      if (time / 1000 < begin || time / 1000 >= end_of_piece) continue;
      if (++records > max_records) return absl::UnavailableError("terminated early");
      if (cuts > 0) {
        --cuts;
        return absl::UnavailableError("the export ends inside a record");
      }
      const absl::Status status = on_line(line);
      if (!status.ok()) return status;
    }
    return end;
  }

  std::vector<mixpanel::RawExportRequest> queries;
  int cuts = 0;                   // how many queries end at their first record
  size_t max_records = SIZE_MAX;  // of a query; one with more is terminated early
  absl::Status end;               // of all queries

 private:
  std::vector<std::pair<absl::CivilDay, std::string>> lines_;
};

class ExportTest : public testing::Test {
 protected:
  ExportTest() {
    request_.project_id = "7";
    request_.windows.since = kToday - 2;
    request_.windows.until = absl::CivilDay::max();
    request_.queries_per_hour = 0;
    request_.state_folder = folder_->path();
    request_.delivery.sources = SourcesConfig::MixpanelFormat();
    request_.delivery.run.retry = {.initial = absl::Milliseconds(1),
                                   .max = absl::Milliseconds(2),
                                   .min_jitter = absl::ZeroDuration(),
                                   .max_jitter = absl::Milliseconds(1)};
    AddDestination("lake", arrived_);
  }

  void AddDestination(const std::string& label, FakeDestination& fake) {
    destinations_.push_back(
        std::make_unique<PlainDestination>([&fake] { return fake.NewSink(); }, label));
  }

  ExportReport Run(std::stop_token stop = {}) {
    ExportProgress progress;
    progress.destinations = std::vector<ImportProgress>(destinations_.size());
    ExportReport report = ExportEvents(request_,
                                       {.raw_export = std::ref(project_),
                                        .destinations = destinations_,
                                        .ledger = ledger_,
                                        .dead_letter = dead_letter_,
                                        .clock = clock_},
                                       std::move(stop), progress);
    for (const DestinationReport& one : report.destinations) {
      const Counts& counts = one.delivery.counts;
      EXPECT_EQ(counts.read,
                counts.accepted + counts.rejected + counts.filtered + counts.pending());
    }
    return report;
  }

  // How often each event has arrived, by $insert_id.
  static std::map<std::string, int> Ids(const FakeDestination& destination) {
    std::map<std::string, int> ids;
    for (const auto& [line, times] : destination.Arrived()) {
      ids[nlohmann::json::parse(line)["properties"].value("$insert_id", "")] += times;
    }
    return ids;
  }
  using Once = std::map<std::string, int>;

  const std::unique_ptr<TempFolder> folder_ = *TempFolder::Make(testing::TempDir(), "export_test");
  FakeClock clock_{absl::FromCivil(kToday, absl::UTCTimeZone()) + absl::Hours(12)};
  MemoryLedger ledger_{clock_};
  MemoryDeadLetterQueue dead_letter_;
  FakeProject project_;
  FakeDestination arrived_, second_;
  std::vector<std::unique_ptr<Destination>> destinations_;
  ExportRequest request_;
};

TEST_F(ExportTest, DeliversEachDayAndRepeatsOnce) {
  project_.Add(kToday - 3, "before");
  project_.Add(kToday - 2, "a");
  project_.Add(kToday - 1, "b");
  project_.Add(kToday - 1, "b", R"(,"mp_processing_time_ms":2)");
  project_.Add(kToday, "c");
  const ExportReport report = Run();
  EXPECT_TRUE(report.success()) << report.status;
  EXPECT_EQ(Ids(arrived_), (Once{{"a", 1}, {"b", 1}, {"c", 1}}));
  EXPECT_EQ(report.destinations[0].windows, 3);
  EXPECT_EQ(report.destinations[0].delivery.counts.read, 4);
  EXPECT_EQ(report.destinations[0].delivery.counts.filtered, 1);
}

// The rule that docs/verbs/export.md publishes.
TEST_F(ExportTest, AnEventThatArrivesWithinLateIsDeliveredOnceAndALaterOneIsNot) {
  request_.windows.since = kToday;
  request_.windows.until = kToday + 1;
  request_.windows.late = absl::Hours(5 * 24);
  project_.Add(kToday, "on-the-day");
  for (int days = 1; days <= 8; ++days) {
    EXPECT_TRUE(Run().success());
    clock_.Advance(absl::Hours(24));
    project_.Add(kToday, StrCat("late-", days));  // so many days, and before the run of that day
  }
  // The day ends at midnight and is read by the runs at noon until one is 5 days after its end.
  EXPECT_EQ(Ids(arrived_), (Once{{"on-the-day", 1},
                                 {"late-1", 1},
                                 {"late-2", 1},
                                 {"late-3", 1},
                                 {"late-4", 1},
                                 {"late-5", 1},
                                 {"late-6", 1}}));
  EXPECT_EQ(Run().destinations[0].windows_skipped, 1);
}

TEST_F(ExportTest, ARunThatWasMissedLeavesNoHole) {
  request_.windows.since = kToday;
  clock_.Advance(absl::Hours(24 * 30));
  for (int day = 0; day < 30; ++day) project_.Add(kToday + day, StrCat(day));
  EXPECT_TRUE(Run().success());
  EXPECT_EQ(Ids(arrived_).size(), 30);
  EXPECT_EQ(Run().destinations[0].windows_skipped, 25);
}

TEST_F(ExportTest, EventsWithoutAnIdAreDeliveredAsOftenAsTheyAreThere) {
  const std::string line =
      StrCat(R"({"event":"a","properties":{"distinct_id":"u","time":)",
             absl::ToUnixMillis(absl::FromCivil(kToday, absl::UTCTimeZone())), "}}");
  project_.AddLine(kToday, line);
  project_.AddLine(kToday, line);
  EXPECT_EQ(Run().destinations[0].delivery.counts.accepted, 2);
  project_.AddLine(kToday, line);
  EXPECT_EQ(Run().destinations[0].delivery.counts.accepted, 1);
}

TEST_F(ExportTest, AQueryThatIsCutIsReadAgainAndNothingOfItIsDelivered) {
  project_.Add(kToday, "a");
  project_.cuts = 3;
  const ExportReport report = Run();
  EXPECT_TRUE(report.success()) << report.status;
  EXPECT_EQ(report.retries, 3);
  EXPECT_EQ(Ids(arrived_), (Once{{"a", 1}}));
}

TEST_F(ExportTest, QueriesThatAreTooLargeAreMadeSmaller) {
  for (int i = 0; i < 72; ++i) {
    project_.Add(kToday - 2 + i / 24, StrCat("event-", i), "", /*hour=*/i % 24);
  }
  project_.max_records = 2;
  const ExportReport report = Run();
  EXPECT_TRUE(report.success()) << report.status;
  EXPECT_EQ(Ids(arrived_).size(), 72);
  EXPECT_EQ(report.destinations[0].delivery.counts.accepted, 72);
  EXPECT_EQ(report.destinations[0].delivery.counts.filtered, 0);
}

TEST_F(ExportTest, ADayThatIsKnownToBeLargeIsReadInPieces) {
  request_.windows.since = kToday;
  for (int hour = 0; hour < 12; ++hour) project_.Add(kToday, StrCat("event-", hour), "", hour);
  ASSERT_TRUE(Run().success());
  request_.rows_per_query = 4;
  const size_t before = project_.queries.size();
  project_.Add(kToday, "late", "", 11);
  EXPECT_EQ(Run().destinations[0].delivery.counts.accepted, 1);
  EXPECT_EQ(project_.queries.size() - before, 3);
}

TEST_F(ExportTest, WhatMixpanelRefusesStopsTheExport) {
  project_.end = absl::PermissionDeniedError("Mixpanel answered 402");
  const ExportReport report = Run();
  EXPECT_TRUE(absl::IsPermissionDenied(report.status));
  EXPECT_FALSE(report.success());
}

TEST_F(ExportTest, DestinationsAreIndependentAndShareTheQueries) {
  AddDestination("second", second_);
  second_.set_script([](uint64_t) { return FakeWrite::kStop; });
  project_.Add(kToday, "a");
  EXPECT_FALSE(Run().success());
  EXPECT_EQ(Ids(arrived_), (Once{{"a", 1}}));
  EXPECT_EQ(Ids(second_), Once());
  const size_t queries = project_.queries.size();
  second_.set_script([](uint64_t) { return FakeWrite::kDurable; });
  project_.Add(kToday, "b");
  EXPECT_TRUE(Run().success());
  EXPECT_EQ(Ids(arrived_), (Once{{"a", 1}, {"b", 1}}));
  EXPECT_EQ(Ids(second_), (Once{{"a", 1}, {"b", 1}}));
  EXPECT_EQ(project_.queries.size() - queries, queries);
}

TEST_F(ExportTest, ARefusedRecordIsADeadLetterAndIsNotSentAgain) {
  request_.windows.since = kToday;
  project_.Add(kToday, "a");
  project_.AddLine(kToday, R"({"event":"","properties":{"time":1}})");
  const ExportReport report = Run();
  EXPECT_EQ(report.destinations[0].delivery.counts.accepted, 1);
  EXPECT_EQ(report.destinations[0].delivery.counts.rejected, 1);
  ASSERT_EQ(dead_letter_.Objects().size(), 1);
  EXPECT_EQ(dead_letter_.Objects()[0].object, "mixpanel:7/events/2026-11-10");
  EXPECT_EQ(Run().destinations[0].delivery.counts.rejected, 0);
}

TEST_F(ExportTest, RefusesADayThatIsExportedElsewhere) {
  ASSERT_TRUE(ledger_
                  .ClaimObject({.key = {"mixpanel:7/events", "window", "export", "lake:events"},
                                .owner = "other/1/2/3/4",
                                .lease = absl::Hours(1)},
                               {})
                  .ok());
  const ExportReport report = Run();
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("other/1/2/3/4"));
  EXPECT_TRUE(project_.queries.empty());
}

TEST_F(ExportTest, RefusesADayThatWasExportedWithAnotherFilter) {
  project_.Add(kToday, "a");
  ASSERT_TRUE(Run().success());
  request_.windows.selection.events = {"a"};
  EXPECT_TRUE(absl::IsFailedPrecondition(Run().status));
}

TEST_F(ExportTest, RefusesADayWhoseStateFolderIsAnother) {
  project_.Add(kToday, "a");
  ASSERT_TRUE(Run().success());
  request_.state_folder = *folder_->MakeFolder("another");
  const absl::Status refused = Run().status;
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--state"));
}

TEST_F(ExportTest, SendsTheFilterAndConvertsLocalTimes) {
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &request_.windows.selection.zone));
  request_.windows.selection.events = {"a"};
  request_.windows.selection.where = "true";
  project_.Add(kToday, "a");
  ASSERT_TRUE(Run().success());
  EXPECT_EQ(project_.queries[0].where, "true");
  EXPECT_EQ(project_.queries[0].events, std::vector<std::string>{"a"});
  EXPECT_EQ(project_.queries.back().to, kToday);
  const auto event = nlohmann::json::parse(arrived_.Arrived().begin()->first);
  EXPECT_EQ(event["properties"]["time"],
            absl::ToUnixMillis(absl::FromCivil(absl::CivilHour(kToday) + 6, absl::UTCTimeZone())));
}

TEST_F(ExportTest, AnEventOfAnotherDayIsAnError) {
  project_.AddLine(kToday, R"({"event":"a","properties":{"time":1600000000000}})");
  EXPECT_TRUE(absl::IsOutOfRange(Run().status));
  EXPECT_TRUE(arrived_.Arrived().empty());
}

TEST_F(ExportTest, AStopLeavesTheRestToTheNextRun) {
  for (int day = -2; day <= 0; ++day) project_.Add(kToday + day, StrCat("day", day + 2));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Run(stop.get_token()).status));
  EXPECT_TRUE(Run().success());
  EXPECT_EQ(Ids(arrived_), (Once{{"day0", 1}, {"day1", 1}, {"day2", 1}}));
}

}  // namespace
}  // namespace millrace
