#include "reconcile/reconcile.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "base/strings.h"
#include "connectors/mixpanel/mixpanel_event_reader.h"
#include "connectors/mixpanel/testing/fake_project.h"
#include "mapping/mapping_version.h"
#include "objects/map_transform.h"
#include "objects/object_lister.h"
#include "objects/object_source.h"
#include "pipeline/run.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/memory_dead_letter_queue.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMorning = 1'699'999'200'000;  // 2023-11-14T22:00:00Z

// Files in Mixpanel's format, imported into a project in memory.
class ReconcileTest : public testing::Test {
 protected:
  void UseProject(const std::string& id) {
    destination_.emplace(project_.Sinks(), StrCat("project ", id));
    destination_->record_rules = RecordRules::Mixpanel();
    request_.destination = &*destination_;
    reader_ = std::make_unique<mixpanel::MixpanelEventReader>(project_.Export(), clock_);
    request_.wait_after_repair = reader_->max_delay();
  }

  void SetUp() override {
    folder_ = fs::canonical(testing::TempDir()).string() + StrCat("/reconcile_test.", getpid());
    fs::create_directories(folder_ + "/in");
    request_.import.inputs = {folder_ + "/in"};
    request_.import.sources = SourcesConfig::MixpanelFormat();
    UseProject("1");
    request_.temp_parent = folder_;
    clock_.Advance(absl::Hours(24 * 365));
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string Event(int id) {
    return StrCat(R"({"event":"Buy","properties":{"time":)", kMorning + id * 3'600'000LL,
                  R"(,"distinct_id":"u","$insert_id":"id-)", id, R"(-"}})");
  }

  std::string Path(const std::string& name) const { return folder_ + "/in/" + name; }

  void WriteFile(const std::string& name, int first, int last) {
    std::ofstream file(Path(name));
    for (int id = first; id < last; ++id) file << Event(id) << "\n";
  }

  // As if a Millrace with other mapping rules had imported the objects.
  void SetMappingVersion(uint64_t version) {
    MemoryLedger::Rows rows = ledger_.Snapshot();
    for (auto& [key, entry] : rows) entry.mapping_version = version;
    ledger_.Restore(std::move(rows));
  }

  void Import() {
    auto lister = ObjectLister::Start(request_.import.inputs, [](const auto&) { return true; });
    ASSERT_TRUE(lister.ok()) << lister.status();
    SourceProgress progress;
    const CurrentSources sources(request_.import.sources);
    ObjectSource source(
        {.destination = destination_->LedgerName(RecordType::kEvent), .owner = "test"}, sources,
        **lister, ledger_, progress);
    const RunReport run = millrace::Run(
        {.source = source,
         .make_transform =
             [this] {
               return std::make_unique<MapTransform>(clock_.Now(), RecordRules::Mixpanel());
             },
         .make_sink = destination_->staged != nullptr
                          ? SinkFactory()
                          : [this] { return destination_->NewSink(RecordType::kEvent); },
         .ledger = ledger_,
         .dead_letter = dead_letter_,
         .cursor = destination_->cursor(RecordType::kEvent),
         .staging = destination_->staged,
         .clock = clock_},
        {}, {});
    ASSERT_TRUE(run.status.ok()) << run.status;
  }

  ReconcileReport Reconcile(std::stop_token stop = {}) {
    const auto read_dead = [this](const LedgerKey& key, const auto&) -> absl::StatusOr<DeadRows> {
      DeadRows dead{.replayed = replayed_};
      for (const Rejection& one : dead_letter_.Durable(key)) dead.rejected.Add(one.source_row);
      return dead;
    };
    ReconcileReport report = millrace::Reconcile(request_,
                                                 {.ledger = ledger_,
                                                  .dead_letter = dead_letter_,
                                                  .read_dead = read_dead,
                                                  .reader = *reader_,
                                                  .clock = clock_},
                                                 std::move(stop));
    for (const auto& entry : fs::directory_iterator(folder_)) {
      EXPECT_EQ(entry.path().filename(), "in") << "a temporary folder was not removed";
    }
    return report;
  }

  std::vector<std::string> Problems(const ReconcileReport& report) {
    std::vector<std::string> problems;
    for (const ObjectFinding& finding : report.findings) {
      problems.push_back(
          StrCat(NameOf(finding.problem), " ", fs::path(finding.object).filename().string()));
    }
    return problems;
  }

  std::string folder_;
  FakeClock clock_;
  FakeProject project_;
  std::unique_ptr<EventReader> reader_;
  MemoryLedger ledger_{clock_};
  MemoryDeadLetterQueue dead_letter_;
  std::vector<DeadRows::Replayed> replayed_;
  std::optional<PlainDestination> destination_;
  ReconcileRequest request_;
};

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

// A table: what is written twice is there twice. It cannot lose rows, but `removed` are not read.
class WarehouseReader : public EventReader {
 public:
  // How often it has each line.
  using Arrived = std::function<std::map<std::string, int>()>;
  explicit WarehouseReader(Arrived arrived) : arrived_(std::move(arrived)) {}

  std::map<std::string, int> removed;
  int added_copies = 0;  // of the first event

  Identify NewIdentify() const override {
    return
        [reader = std::make_shared<mixpanel::IdentityReader>()](
            std::string_view record, EventIdentity& event) { return reader->Read(record, event); };
  }
  absl::Status Read(const EventQuery&, const OnEvent& on_event, std::stop_token) override {
    const Identify identify = NewIdentify();
    EventIdentity event;
    int added = added_copies;
    for (const auto& [line, times] : arrived_()) {
      EXPECT_TRUE(identify(line, event).ok()) << line;
      const auto gone = removed.find(line);
      const int there =
          times - (gone == removed.end() ? 0 : gone->second) + std::exchange(added, 0);
      for (int i = 0; i < there; ++i) {
        if (absl::Status status = on_event(event); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }
  bool keeps_repeats() const override { return true; }
  int64_t LastDay() const override { return INT64_MAX; }
  absl::Duration max_delay() const override { return absl::ZeroDuration(); }

 private:
  const Arrived arrived_;
};

class WarehouseReconcileTest : public ReconcileTest {
 protected:
  void SetUp() override {
    ReconcileTest::SetUp();
    warehouse_.KeepCursor();
    destination_.emplace([this] { return warehouse_.NewSink(); }, "warehouse");
    destination_->delivery_cursor = warehouse_.cursor();
    request_.destination = &*destination_;
    request_.wait_after_repair = absl::ZeroDuration();
    auto reader = std::make_unique<WarehouseReader>([this] { return warehouse_.Arrived(); });
    table_ = reader.get();
    reader_ = std::move(reader);
  }

  // Rows of the table, without what was removed.
  int RowsThere() const {
    int rows = 0;
    for (const auto& [line, times] : warehouse_.Arrived()) rows += times;
    for (const auto& [line, times] : table_->removed) rows -= times;
    return rows;
  }
  void RemoveFirst(int events) {
    for (const auto& [line, times] : warehouse_.Arrived()) {
      if (events-- > 0) table_->removed[line] = times;
    }
  }

  FakeDestination warehouse_;
  WarehouseReader* table_ = nullptr;
};

TEST_F(WarehouseReconcileTest, DuplicatesAreNotClean) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  EXPECT_TRUE(Reconcile().clean(false));
  table_->added_copies = 2;
  const ReconcileReport report = Reconcile();
  EXPECT_EQ(report.counts.found, 10u);
  EXPECT_EQ(report.counts.duplicates, 2u);
  EXPECT_THAT(report.duplicate_events, SizeIs(1));
  EXPECT_FALSE(report.clean(true));
}

TEST_F(WarehouseReconcileTest, RepairSendsEachMissingEventOnceAlthoughAResponseIsLost) {
  WriteFile("a.ndjson", 0, 100);
  Import();
  RemoveFirst(7);
  warehouse_.set_script(
      [](uint64_t n) { return n == 1 ? FakeWrite::kResponseLost : FakeWrite::kDurable; });
  request_.repair = true;
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.repaired, 7u);
  EXPECT_EQ(report.counts.duplicates, 0u);
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(RowsThere(), 100);
}

TEST_F(WarehouseReconcileTest, ARepairThatFailedIsRepeatedWithoutDuplicates) {
  WriteFile("a.ndjson", 0, 100);
  Import();
  RemoveFirst(7);
  warehouse_.set_script(
      [](uint64_t n) { return n == 1 ? FakeWrite::kResponseLost : FakeWrite::kStop; });
  request_.repair = true;
  EXPECT_FALSE(Reconcile().status.ok());
  warehouse_.set_script([](uint64_t) { return FakeWrite::kDurable; });
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(RowsThere(), 100);
}

TEST_F(WarehouseReconcileTest, WhatWasRepairedCanBeLostAndRepairedAgain) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  request_.repair = true;
  EXPECT_EQ(Reconcile().repaired, 1u);
  for (auto& [line, times] : table_->removed) times = 2;
  EXPECT_EQ(Reconcile().repaired, 1u);
  EXPECT_EQ(RowsThere(), 10);
}

// A lake: what is staged is not there until it is committed.
class LakeReconcileTest : public ReconcileTest {
 protected:
  void SetUp() override {
    ReconcileTest::SetUp();
    destination_.emplace(nullptr, "lake");
    BeginProcess();
    request_.destination = &*destination_;
    request_.repair = true;
    request_.wait_after_repair = absl::ZeroDuration();
    auto reader = std::make_unique<WarehouseReader>([this] { return lake_.Visible(); });
    table_ = reader.get();
    reader_ = std::move(reader);
  }

  // The one before is dead from now on.
  void BeginProcess() {
    staging_ = lake_.NewStaging();
    destination_->staged = staging_.get();
  }
  void RemoveFirst(int events) {
    for (const auto& [line, times] : lake_.Visible()) {
      if (events-- > 0) table_->removed[line] = times;
    }
  }
  int RowsThere() const {
    int rows = 0;
    for (const auto& [line, times] : lake_.Visible()) rows += times;
    for (const auto& [line, times] : table_->removed) rows -= times;
    return rows;
  }

  FakeStagedDestination lake_;
  std::unique_ptr<Staging> staging_;
  WarehouseReader* table_ = nullptr;
};

TEST_F(LakeReconcileTest, ARepairCommitsTheMissingRows) {
  WriteFile("a.ndjson", 0, 60);
  WriteFile("b.ndjson", 60, 100);
  Import();
  EXPECT_TRUE(Reconcile().clean(false));
  RemoveFirst(70);
  const uint64_t commits = lake_.Commits();
  const ReconcileReport report = Reconcile();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_TRUE(report.clean(false));
  EXPECT_EQ(report.repaired, 70u);
  EXPECT_EQ(RowsThere(), 100);
  EXPECT_EQ(lake_.Commits(), commits + 1);
}

// In each moment of a commit.
TEST_F(LakeReconcileTest, ARepairThatDiedIsRepeatedWithoutDuplicates) {
  WriteFile("a.ndjson", 0, 60);
  WriteFile("b.ndjson", 60, 100);
  Import();
  RemoveFirst(80);
  request_.import.run.join_rows = 1;  // so that several workers may stage
  request_.import.run.retry.give_up_after = absl::Seconds(1);
  for (const FakeCommit moment :
       {FakeCommit::kNoAnswer, FakeCommit::kPartly, FakeCommit::kResponseLost}) {
    lake_.set_commit_script([moment, is_first = true](uint64_t) mutable {
      return std::exchange(is_first, false) ? moment : FakeCommit::kStop;
    });
    EXPECT_FALSE(Reconcile().status.ok());
    EXPECT_EQ(RowsThere() == 100, moment == FakeCommit::kResponseLost);
    BeginProcess();
    lake_.set_commit_script([](uint64_t) { return FakeCommit::kDone; });
    const ReconcileReport report = Reconcile();
    ASSERT_TRUE(report.status.ok()) << report.status;
    EXPECT_TRUE(report.clean(false));
    EXPECT_EQ(RowsThere(), 100);
    EXPECT_THAT(lake_.Parts(), IsEmpty());
    for (auto& [line, times] : table_->removed) times = lake_.Visible()[line];
  }
}

TEST_F(LakeReconcileTest, ARepairKeepsWhatAnOpenCommitOfAnImportNeeds) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  // An import announces a commit and dies.
  Batch batch;
  batch.bytes.Append("{}");
  batch.EndRow(0);
  const auto sink = staging_->NewSink();
  const LedgerKey key{"other", "v", "c", destination_->LedgerName(RecordType::kEvent)};
  const std::string writer = "w";
  const BatchSpan span{.object = &key, .writer = &writer, .rows = 1, .end_row = 1};
  ASSERT_TRUE(sink->Stage(batch, {&span, 1}, {}).durable());
  Intent intent{.id = std::string(32, 'a'), .destination = key.destination, .owner = "o"};
  intent.parts = *sink->Seal(intent.id, {});
  const auto claim = ledger_.ClaimObject({key, "o", 0, absl::Hours(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  intent.spans = {{.object = key, .revision = claim->entry.revision, .after = {.row = 1}}};
  ASSERT_TRUE(ledger_.intents().Announce(intent, absl::Hours(1), {}).ok());
  BeginProcess();
  EXPECT_EQ(Reconcile().repaired, 1u);
  EXPECT_EQ(lake_.Parts(), intent.parts);
}

TEST_F(LakeReconcileTest, ARepairWhosePartsVanishSaysSo) {
  WriteFile("a.ndjson", 0, 10);
  Import();
  RemoveFirst(1);
  lake_.set_commit_script([](uint64_t) { return FakeCommit::kGone; });
  const ReconcileReport report = Reconcile();
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_THAT(report.status.ToString(), HasSubstr("removed; run it again"));
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
