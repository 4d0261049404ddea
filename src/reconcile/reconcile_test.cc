#include "reconcile/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconcile/testing/reconcile_fixture.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(ReconcileTest, AnImportIsTheSame) {
  WriteFile("a.ndjson", 0, 100);
  WriteFile("b.ndjson", 100, 150);
  Import();
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.objects, 2u);
  EXPECT_EQ(report.rows, 150u);
  EXPECT_EQ(report.counts.expected, 150u);
  EXPECT_EQ(report.counts.found, 150u);
  EXPECT_EQ(report.counts.duplicates, 0u);
  EXPECT_EQ(report.days, 8u);
  EXPECT_EQ(report.requests, 1u);
}

TEST_F(ReconcileTest, NamesMissingRowsByFileAndRow) {
  WriteFile("a.ndjson", 0, 100);
  WriteFile("b.ndjson", 100, 150);
  Import();
  EXPECT_EQ(project_.Remove("id-140-"), 1u);
  EXPECT_EQ(project_.Remove("id-3-"), 1u);
  const ReconcileReport report = Reconcile();
  EXPECT_FALSE(report.clean(true));
  EXPECT_EQ(report.counts.missing(), 2u);
  ASSERT_THAT(report.missing_rows, SizeIs(2));
  EXPECT_EQ(report.missing_rows[0].object, Path("a.ndjson"));
  EXPECT_EQ(report.missing_rows[0].row, 3u);
  EXPECT_EQ(report.missing_rows[1].object, Path("b.ndjson"));
  EXPECT_EQ(report.missing_rows[1].row, 40u);
}

TEST_F(ReconcileTest, CountsUnexpectedAndDuplicateEvents) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  project_.Add(Event(5));
  project_.Add(Event(20));
  const ReconcileReport report = Reconcile();
  EXPECT_FALSE(report.clean(false));
  EXPECT_TRUE(report.clean(true));
  EXPECT_EQ(report.counts.found, 10u);
  EXPECT_EQ(report.counts.duplicates, 1u);
  EXPECT_EQ(report.counts.unexpected, 1u);
  EXPECT_THAT(report.unexpected_events, ElementsAre(HasSubstr("id-20-")));
}

TEST_F(ReconcileTest, RejectedRowsAreNotExpected) {
  WriteFile("a.ndjson", 0, 10);
  std::ofstream(Path("a.ndjson"), std::ios::app) << "no json\n" << Event(11) << "\n";
  project_.Refuse("id-7-");
  Import();
  const ReconcileReport report = Reconcile();
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.rows, 12u);
  EXPECT_EQ(report.rows_rejected, 2u);
  EXPECT_EQ(report.counts.expected, 10u);
}

TEST_F(ReconcileTest, ReplayedRowsAreExpectedAsTheyWereSent) {
  WriteFile("a.ndjson", 0, 10);
  project_.Refuse("id-7-");
  Import();
  EventIdentity replayed;
  replayed.Set("Buy", "fixed", kMorning, "id-fixed-");
  replayed_ = {{.row = 7, .events = {replayed}}};
  EXPECT_EQ(Reconcile().counts.missing(), 1u);
  project_.Add(StrCat(R"({"event":"Buy","properties":{"time":)", kMorning,
                      R"(,"distinct_id":"fixed","$insert_id":"id-fixed-"}})"));
  const ReconcileReport report = Reconcile();
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.counts.expected, 10u);
  EXPECT_EQ(report.rows_replayed, 1u);
}

TEST_F(ReconcileTest, RepairSendsMissingRowsAgainWithTheirIds) {
  WriteFile("a.ndjson", 0, 5000);
  WriteFile("b.ndjson", 5000, 5100);
  project_.Lose("7-");  // acknowledged and lost
  Import();
  project_.Lose("");
  request_.repair = true;
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.repaired, 510u);
  EXPECT_EQ(report.counts.expected, 5100u);
  EXPECT_EQ(report.counts.found, 5100u);
  EXPECT_EQ(report.counts.duplicates, 0u);
  EXPECT_THAT(project_.events(), SizeIs(5100));
}

// Rows of another mapping version may have other ids now: sending "missing" ones would duplicate
// them.
TEST_F(ReconcileTest, ObjectsOfAnotherMappingVersionAreNeitherMissingNorRepaired) {
  WriteFile("old.ndjson", 0, 10);
  Import();
  SetMappingVersion(kMappingVersion + 1);
  WriteFile("new.ndjson", 10, 20);
  Import();
  project_.Remove("id-7-");
  project_.Remove("id-17-");
  request_.repair = true;
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_FALSE(report.clean(true));
  EXPECT_THAT(Problems(report), ElementsAre("other_mapping old.ndjson"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("--repair does not send them"));
  EXPECT_EQ(report.counts.expected, 10u);
  EXPECT_EQ(report.counts.missing(), 0u);
  EXPECT_EQ(report.repaired, 1u);
  EXPECT_EQ(report.counts.unexpected, 0u) << "events with the current ids are known";
  EXPECT_THAT(project_.events(), SizeIs(19));
}

// Events may be an hour ahead, and the export rejects days that have not begun.
TEST_F(ReconcileTest, EventsOfTomorrowAreNotCheckableYet) {
  const int ten_pm = 24 * 365;  // as SetUp() sets the clock
  WriteFile("a.ndjson", ten_pm, ten_pm + 3);
  const absl::Time midnight = absl::FromUnixMillis(kMorning) + absl::Hours(ten_pm + 2);
  clock_.Advance(midnight - absl::Minutes(30) - clock_.Now());
  Import();
  EXPECT_EQ(project_.Remove(StrCat("id-", ten_pm, "-")), 1u);
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.expected, 2u);
  EXPECT_EQ(report.counts.missing(), 1u) << "from this day";
  EXPECT_EQ(report.not_checkable_yet, 1u);
  EXPECT_EQ(report.checkable_from, midnight);
  EXPECT_FALSE(report.clean(true));
}

TEST_F(ReconcileTest, AWaitThatLastsUntilTheirDayBeginsChecksThem) {
  const int ten_pm = 24 * 365;
  WriteFile("a.ndjson", ten_pm, ten_pm + 3);
  const absl::Time midnight = absl::FromUnixMillis(kMorning) + absl::Hours(ten_pm + 2);
  clock_.Advance(midnight - absl::Minutes(30) - clock_.Now());
  Import();
  request_.wait = absl::Minutes(29);
  const absl::Time begin = clock_.Now();
  EXPECT_FALSE(Reconcile().clean(true));
  EXPECT_EQ(clock_.Now(), begin) << "waiting would not help";
  request_.wait = absl::Minutes(31);
  const ReconcileReport report = Reconcile();
  EXPECT_TRUE(report.clean(true));
  EXPECT_EQ(report.counts.found, 3u);
  EXPECT_EQ(report.not_checkable_yet, 0u);
}

TEST_F(ReconcileTest, AnObjectOfAnotherConfigIsNamed) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  MemoryLedger::Rows rows;
  for (auto [key, entry] : ledger_.Snapshot()) {
    entry.key.config = "mixpanel_format:0123";
    rows[entry.key] = entry;
  }
  ledger_.Restore(std::move(rows));
  EXPECT_THAT(Problems(Reconcile()), ElementsAre("config_changed a.ndjson"));
}

TEST_F(ReconcileTest, RowsRejectedInARepairBecomeDeadLetters) {
  WriteFile("a.ndjson", 0, 10);
  project_.Refuse("id-2-");
  Import();
  project_.Remove("id-7-");
  project_.Refuse("id-7-");
  request_.repair = true;
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.repaired, 0u);
  EXPECT_EQ(report.repair_rejected, 1u);
  EXPECT_EQ(report.counts.missing(), 1u);
  ASSERT_THAT(dead_letter_.Objects(), SizeIs(1));
  EXPECT_THAT(dead_letter_.Durable(dead_letter_.Objects()[0]), SizeIs(2));
  EXPECT_EQ(Reconcile().counts.missing(), 0u);
}

TEST_F(ReconcileTest, WaitsForEventsThatAppearLate) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  project_.Remove("id-7-");
  request_.wait = absl::Minutes(10);
  const absl::Duration begin = clock_.Elapsed();
  EXPECT_EQ(Reconcile().counts.missing(), 1u);
  EXPECT_GE(clock_.Elapsed() - begin, absl::Minutes(10));
  EXPECT_GT(project_.exports(), 3);
  EXPECT_LT(project_.exports(), 10);
}

TEST_F(ReconcileTest, AnUnfinishedObjectIsComparedUpToItsConfirmedRow) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  LedgerEntry entry = ledger_.Snapshot().begin()->second;
  ASSERT_TRUE(ledger_.Forget(entry.key, {}).ok());
  auto claim = ledger_.ClaimObject({entry.key, "test", 0, absl::Minutes(1), kMappingVersion}, {});
  ASSERT_TRUE(claim.ok());
  claim->entry.position.row = 6;
  ASSERT_TRUE(ledger_.Store(claim->entry, absl::Minutes(1), {}).ok());
  for (const char* id : {"id-6-", "id-7-", "id-8-", "id-9-"}) project_.Remove(id);
  const ReconcileReport report = Reconcile();
  EXPECT_EQ(report.counts.expected, 6u);
  EXPECT_EQ(report.counts.missing(), 0u);
  EXPECT_THAT(Problems(report), ElementsAre("open a.ndjson"));
  EXPECT_FALSE(report.clean(false));
}

TEST_F(ReconcileTest, SaysWhyAnImportStopped) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  MemoryLedger::Rows rows;
  for (auto [key, entry] : ledger_.Snapshot()) {
    entry.state = LedgerState::kOpen;
    entry.position.row = 5;
    entry.last_error = "the file is damaged";
    rows[key] = entry;
  }
  ledger_.Restore(std::move(rows));
  const ReconcileReport report = Reconcile();
  ASSERT_THAT(report.findings, SizeIs(1));
  EXPECT_EQ(report.findings[0].message,
            "its import has reached only row 5, where it stopped: the file is damaged; import it "
            "again to continue");
}

TEST_F(ReconcileTest, StrictIsNotCleanWithAHiddenName) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  WriteFile("_b.ndjson", 10, 10);
  EXPECT_TRUE(Reconcile().clean(false));
  request_.import.strict = true;
  const ReconcileReport report = Reconcile();
  EXPECT_FALSE(report.clean(false));
  ASSERT_THAT(report.warnings, SizeIs(1));
  EXPECT_EQ(report.warnings[0].first.code, "hidden_names");
}

TEST_F(ReconcileTest, NamesObjectsThatCannotBeCompared) {
  for (const char* name : {"changed.ndjson", "gone.ndjson", "same.ndjson"}) WriteFile(name, 0, 5);
  Import();
  WriteFile("changed.ndjson", 0, 6);
  WriteFile("new.ndjson", 0, 5);
  fs::remove(Path("gone.ndjson"));
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.objects, 1u);
  EXPECT_EQ(report.counts.missing(), 0u);
  EXPECT_THAT(Problems(report),
              testing::UnorderedElementsAre("changed changed.ndjson", "not_imported new.ndjson",
                                            "gone gone.ndjson"));
  EXPECT_EQ(report.CountOf(ObjectProblem::kGone), 1u);
  EXPECT_FALSE(report.clean(true));
}

TEST_F(ReconcileTest, AMissingInputIsFoundInTheLedger) {
  WriteFile("a.ndjson", 0, 5);
  Import();
  fs::remove(Path("a.ndjson"));
  request_.import.inputs = {Path("a.ndjson")};
  EXPECT_THAT(Problems(Reconcile()), ElementsAre("gone a.ndjson"));
  request_.import.inputs = {Path("never_there.ndjson")};
  EXPECT_TRUE(absl::IsNotFound(Reconcile().status));
}

TEST_F(ReconcileTest, ObjectsOfAnotherProjectAreNotImported) {
  WriteFile("a.ndjson", 0, 5);
  Import();
  UseProject("2");
  const ReconcileReport report = Reconcile();
  EXPECT_FALSE(report.clean(true));
  EXPECT_THAT(Problems(report), ElementsAre("not_imported a.ndjson"));
}

TEST_F(ReconcileTest, ADayLargerThanMemoryIsStillExact) {
  WriteFile("a.ndjson", 0, 20);
  WriteFile("b.ndjson", 0, 20);  // the same events
  Import();
  project_.Remove("id-4-");
  request_.max_rows_in_memory = 4;
  const ReconcileReport report = Reconcile();
  EXPECT_EQ(report.counts.expected, 20u);
  EXPECT_EQ(report.counts.found, 19u);
  EXPECT_EQ(report.counts.duplicates, 19u);
  ASSERT_THAT(report.missing_rows, SizeIs(1));
  EXPECT_EQ(report.missing_rows[0].object, Path("a.ndjson"));
}

TEST_F(ReconcileTest, ListsNoMoreThanRequested) {
  WriteFile("a.ndjson", 0, 50);
  Import();
  project_.Remove("Buy");
  request_.max_listed = 3;
  const ReconcileReport report = Reconcile();
  EXPECT_EQ(report.counts.missing(), 50u);
  EXPECT_THAT(report.missing_rows, SizeIs(3));
}

TEST_F(ReconcileTest, AStopLeavesNoFiles) {
  WriteFile("a.ndjson", 0, 5);
  Import();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(Reconcile(stop.get_token()).status));
}

}  // namespace
}  // namespace millrace
