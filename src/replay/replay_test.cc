#include "replay/replay.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "base/strings.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/mixpanel/mixpanel_event_reader.h"
#include "connectors/mixpanel/testing/fake_project.h"
#include "objects/map_transform.h"
#include "objects/object_lister.h"
#include "objects/object_source.h"
#include "pipeline/run.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/fake_staging.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"
#include "replay/dead_rows.h"
#include "replay/replay_commits.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Rows of a CSV file, some of which the first config rejects.
class ReplayTest : public testing::Test {
 protected:
  // Records of another project are not replayed.
  void UseProject(const std::string& id, SinkFactory sinks = nullptr) {
    destination_.emplace(sinks ? sinks : project_.Sinks(), StrCat("project ", id));
    destination_->record_rules = RecordRules::Mixpanel();
    destination_->make_event_reader = [this] {
      return std::make_unique<mixpanel::MixpanelEventReader>(project_.Export(), clock_);
    };
    request_.destination = &*destination_;
  }

  void SetUp() override {
    folder_ = fs::canonical(testing::TempDir()).string() + StrCat("/replay_test.", getpid());
    fs::create_directories(folder_ + "/in");
    std::ofstream(folder_ + "/in/a.csv") << "user,when,item\n"
                                            "u1,1699999200,apple\n"
                                            "u2,soon,pear\n"
                                            "u3,1699999201,plum\n"
                                            ",1699999202,fig\n";
    dead_letters_ = folder_ + "/dead_letters";
    UseProject("1");
    Configure(kStrict);
    auto dead_letter = OpenDiskDeadLetterQueue(dead_letters_, clock_);
    ASSERT_TRUE(dead_letter.ok()) << dead_letter.status();
    dead_letter_ = *std::move(dead_letter);
    queue_ = NewDiskReplayQueue(dead_letters_, clock_);
    clock_.Advance(absl::Hours(24));
  }
  void TearDown() override { fs::remove_all(folder_); }

  static constexpr char kStrict[] = R"([{"config_id":"c","source_gcs_prefix":"/",
      "file_type":"CSV","mixpanel_event_name":"Buy","field_mappings":[
      {"source_field":"user","mixpanel_field":"distinct_id","type":"string",
       "is_required_in_source":true},
      {"source_field":"when","mixpanel_field":"time","type":"unix_timestamp_auto",
       "is_required_in_source":true},
      {"source_field":"item","mixpanel_field":"item","type":"string"}]POSITION}])";
  // As above, but a user is not required.
  static constexpr char kLenient[] = R"([{"config_id":"c","source_gcs_prefix":"/",
      "file_type":"CSV","mixpanel_event_name":"Buy","field_mappings":[
      {"source_field":"user","mixpanel_field":"distinct_id","type":"string_or_uuid"},
      {"source_field":"when","mixpanel_field":"time","type":"unix_timestamp_auto",
       "is_required_in_source":true},
      {"source_field":"item","mixpanel_field":"item","type":"string"}]POSITION}])";

  void Configure(std::string text, bool by_position = false) {
    const size_t place = text.find("POSITION");
    text.replace(place, 8, by_position ? R"(,"insert_id":"position")" : "");
    auto sources = SourcesConfig::Parse(text, folder_ + "/sources.json");
    ASSERT_TRUE(sources.ok()) << sources.status();
    request_.import.sources = *std::move(sources);
  }

  void Import(bool force = false) {
    auto lister = ObjectLister::Start({folder_ + "/in"}, [](const auto&) { return true; });
    ASSERT_TRUE(lister.ok()) << lister.status();
    SourceProgress progress;
    const CurrentSources sources(request_.import.sources);
    ObjectSource source({.destination = destination_->LedgerName(RecordType::kEvent),
                         .owner = "test",
                         .force = force},
                        sources, **lister, ledger_, progress);
    const RunReport run = millrace::Run({.source = source,
                                         .make_transform =
                                             [this] {
                                               return std::make_unique<MapTransform>(
                                                   clock_.Now(), RecordRules::Mixpanel());
                                             },
                                         .make_sink = project_.Sinks(),
                                         .ledger = ledger_,
                                         .dead_letter = *dead_letter_,
                                         .clock = clock_},
                                        {}, {});
    ASSERT_TRUE(run.status.ok()) << run.status;
  }

  ReplayReport Replay() {
    return millrace::Replay(request_, {.queue = *queue_, .clock = clock_}, {});
  }

  // "row code" of the waiting records.
  std::vector<std::string> Waiting() {
    std::vector<std::string> waiting;
    const auto scan = ScanDeadLetters(dead_letters_, {}, [&](const auto& record, bool) {
      waiting.push_back(StrCat(record.rejection.source_row + 1, " ", record.rejection.code));
      return absl::OkStatus();
    });
    EXPECT_TRUE(scan.ok()) << scan.status();
    return waiting;
  }

  std::string folder_;
  FakeClock clock_;
  FakeProject project_;
  MemoryLedger ledger_{clock_};
  std::string dead_letters_;
  std::unique_ptr<DeadLetterQueue> dead_letter_;
  std::unique_ptr<ReplayQueue> queue_;
  std::optional<PlainDestination> destination_;
  ReplayRequest request_;
};

TEST_F(ReplayTest, AFixedConfigRepairsWhatItCan) {
  Import();
  EXPECT_THAT(project_.events(), SizeIs(2));
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time", "4 missing_required_field"));
  Configure(kLenient);
  const ReplayReport report = Replay();
  ASSERT_TRUE(report.status.ok()) << report.status;
  EXPECT_FALSE(report.success());
  EXPECT_EQ(report.counts.read, 2u);
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_EQ(report.counts.rejected, 1u);
  EXPECT_EQ(report.counts.pending(), 0u);
  EXPECT_THAT(report.first_error, HasSubstr("a.csv: row 2: "));
  EXPECT_THAT(project_.events(), SizeIs(3));
  EXPECT_THAT(project_.events()[2], HasSubstr("fig"));
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time"));
}

TEST_F(ReplayTest, ReplayedRecordsAreNotSentAgain) {
  Import();
  Configure(kLenient);
  Replay();
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.read, 1u);
  EXPECT_EQ(report.replayed_before, 1u);
  EXPECT_THAT(project_.events(), SizeIs(3));
}

TEST_F(ReplayTest, RowsKeepTheIdsThatTheirImportWouldHaveGivenThem) {
  for (const bool by_position : {false, true}) {
    SetUp();
    Configure(kStrict, by_position);
    Import();
    Configure(kLenient, by_position);
    Replay();
    const std::vector<std::string> replayed = project_.events();
    ASSERT_THAT(replayed, SizeIs(3));
    fs::remove_all(dead_letters_);
    project_.Remove("Buy");
    Import(/*force=*/true);
    EXPECT_THAT(project_.events(), testing::UnorderedElementsAreArray(replayed));
    project_.Remove("Buy");
  }
}

TEST_F(ReplayTest, RecordsThatOnlyTheDestinationRejectedAreSentUnchanged) {
  project_.Refuse("plum");
  Import();
  EXPECT_THAT(Waiting(), testing::Contains("3 rejected_by_destination"));
  request_.filter.code = "rejected_by_destination";
  ReplayReport report = Replay();
  EXPECT_EQ(report.counts.rejected, 1u);
  project_.Refuse("");
  report = Replay();
  EXPECT_TRUE(report.success());
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_THAT(project_.events().back(), AllOf(HasSubstr("plum"), HasSubstr("$insert_id")));
}

TEST_F(ReplayTest, RecordsThatTheDestinationRejectedAreMappedByAFixedConfigIfTheSourceExists) {
  project_.Refuse("plum");
  Import();
  std::string renamed = kLenient;
  renamed.replace(renamed.find(R"("mixpanel_field":"item")"), 23, R"("mixpanel_field":"fruit")");
  Configure(renamed);
  project_.Refuse("\"item\"");
  request_.filter.code = "rejected_by_destination";
  const std::string file = folder_ + "/in/a.csv";
  fs::rename(file, file + ".away");
  EXPECT_EQ(Replay().counts.rejected, 1u) << "sent unchanged";
  fs::rename(file + ".away", file);
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.accepted, 1u) << report.first_error;
  EXPECT_THAT(project_.events().back(), HasSubstr(R"("fruit":"plum")"));
}

TEST_F(ReplayTest, RecordsRejectedAgainStayWithTheirNewReason) {
  Import();
  Configure(kLenient);
  project_.Refuse("fig");
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.rejected, 2u);
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time", "4 rejected_by_destination"));
  Replay();
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time", "4 rejected_by_destination"));
  project_.Refuse("");
  EXPECT_EQ(Replay().counts.accepted, 1u);
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time"));
}

TEST_F(ReplayTest, ADryRunSendsAndRecordsNothing) {
  Import();
  Configure(kLenient);
  request_.dry_run = true;
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_THAT(project_.events(), SizeIs(2));
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time", "4 missing_required_field"));
}

TEST_F(ReplayTest, RecordsOfOtherProjectsAreSkipped) {
  Import();
  Configure(kLenient);
  UseProject("2");
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.read, 0u);
  EXPECT_EQ(report.not_ours, 2u);
  EXPECT_THAT(project_.events(), SizeIs(2));
}

absl::Status Identify(std::string_view record, EventIdentity& identity) {
  return mixpanel::IdentityReader().Read(record, identity);
}

TEST_F(ReplayTest, NotesSayWhatWasSentForReconcile) {
  Import();
  Configure(kLenient);
  Replay();
  const LedgerKey object = ledger_.Snapshot().begin()->first;
  const absl::StatusOr<DeadRows> dead = ReadDeadRows(dead_letters_, object, Identify);
  ASSERT_TRUE(dead.ok()) << dead.status();
  EXPECT_TRUE(dead->rejected.Contains(1));
  EXPECT_FALSE(dead->rejected.Contains(2));
  EXPECT_TRUE(dead->rejected.Contains(3));
  ASSERT_THAT(dead->replayed, SizeIs(1));
  EXPECT_EQ(dead->replayed[0].row, 3u);
  ASSERT_THAT(dead->replayed[0].events, SizeIs(1));
  mixpanel::IdentityReader reader;
  EventIdentity sent;
  ASSERT_TRUE(reader.Read(project_.events().back(), sent).ok());
  EXPECT_EQ(dead->replayed[0].events[0].key, sent.key);
}

// As a repair stores it that sent one of a row's events.
TEST_F(ReplayTest, OfAPartialRecordOnlyTheStoredEventsAreSent) {
  Import();
  const LedgerKey object = ledger_.Snapshot().begin()->first;
  const std::string stored =
      R"({"event":"b","properties":{"time":1700000000000,"distinct_id":"u","$insert_id":"i"}})";
  auto queue = OpenDiskDeadLetterQueue(dead_letters_);
  ASSERT_TRUE(queue.ok()) << queue.status();
  ASSERT_TRUE((*queue)
                  ->Add(object, std::vector<Rejection>{{.source_row = 2,
                                                        .code = "rejected_by_destination",
                                                        .message = "no",
                                                        .payload_after = stored,
                                                        .partial = true}})
                  .ok());
  ASSERT_TRUE((*queue)->Sync(object).ok());
  EventIdentity identity;
  ASSERT_TRUE(Identify(stored, identity).ok());
  absl::StatusOr<DeadRows> dead = ReadDeadRows(dead_letters_, object, Identify);
  ASSERT_TRUE(dead.ok()) << dead.status();
  EXPECT_TRUE(dead->rejected.Contains(2));
  EXPECT_THAT(dead->partial, ElementsAre(testing::Pair(2u, ElementsAre(identity.fingerprint()))));

  Configure(kLenient);  // with another config, other rows are mapped again
  request_.filter.code = "rejected_by_destination";
  const size_t before = project_.events().size();
  EXPECT_EQ(Replay().counts.accepted, 1u);
  ASSERT_THAT(project_.events(), SizeIs(before + 1));
  EXPECT_EQ(project_.events().back(), stored);
  dead = ReadDeadRows(dead_letters_, object, Identify);
  ASSERT_TRUE(dead.ok()) << dead.status();
  EXPECT_THAT(dead->partial, ElementsAre(testing::Pair(2u, IsEmpty())));
  ASSERT_THAT(dead->replayed, SizeIs(1));
  EXPECT_THAT(dead->replayed[0].events, IsEmpty());
}

TEST_F(ReplayTest, AStopLeavesTheRestWaiting) {
  Import();
  std::stop_source stop;
  stop.request_stop();
  const ReplayReport report =
      millrace::Replay(request_, {.queue = *queue_, .clock = clock_}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(report.status));
  EXPECT_THAT(Waiting(), SizeIs(2));
}

TEST_F(ReplayTest, APermanentSinkFailureEndsTheReplayWithTheRestPending) {
  class Failing : public Sink {
   public:
    WriteResult Write(const Batch&, absl::Span<const BatchSpan>, std::stop_token) override {
      return WriteResult::Stop(absl::UnauthenticatedError("who are you"));
    }
  };
  Import();
  Configure(kLenient);
  UseProject("1", [] { return std::make_unique<Failing>(); });
  const ReplayReport report = millrace::Replay(request_, {.queue = *queue_, .clock = clock_}, {});
  EXPECT_TRUE(absl::IsUnauthenticated(report.status));
  EXPECT_EQ(report.counts.pending(), 2u);
  EXPECT_THAT(Waiting(), SizeIs(2));
}

TEST_F(ReplayTest, RowsThatWereNeverReadableStay) {
  std::ofstream(folder_ + "/in/a.csv", std::ios::app) << "u5,1,2,3,4,5,6\n";
  Import();
  request_.filter.code = "unreadable_row";
  const std::vector<std::string> before = Waiting();
  EXPECT_THAT(before, testing::Contains("5 unreadable_row"));
  EXPECT_EQ(Replay().counts.rejected, 1u);
  Replay();
  EXPECT_EQ(Waiting(), before);
}

// The outcomes are lost, as if the process had been killed after the destination confirmed.
class UnreliableQueue : public ReplayQueue {
 public:
  explicit UnreliableQueue(ReplayQueue& queue) : queue_(queue) {}
  absl::StatusOr<DeadLetterScan> Scan(const DeadLetterFilter& filter, const Visit& visit,
                                      std::stop_token stop) override {
    return queue_.Scan(filter, visit, std::move(stop));
  }
  absl::Status Ack(absl::Span<const ReplayNote>,
                   const std::map<LedgerKey, std::vector<Rejection>>&) override {
    return absl::DataLossError("the disk is gone");
  }

 private:
  ReplayQueue& queue_;
};

TEST_F(ReplayTest, ADestinationWithACursorHasEachRecordOnceAfterARepeat) {
  Import();
  Configure(kLenient);
  FakeDestination warehouse;
  warehouse.KeepCursor();
  UseProject("1", [&] { return warehouse.NewSink(); });
  destination_->delivery_cursor = warehouse.cursor();
  UnreliableQueue unreliable(*queue_);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const ReplayReport lost =
        millrace::Replay(request_, {.queue = unreliable, .clock = clock_}, std::stop_token());
    EXPECT_TRUE(absl::IsDataLoss(lost.status)) << lost.status;
  }
  const ReplayReport report = Replay();
  EXPECT_EQ(report.counts.accepted, 1u) << report.first_error;  // u4's; u2's time is still wrong
  const std::map<std::string, int> arrived = warehouse.Arrived();
  EXPECT_EQ(arrived.size(), 1u);
  for (const auto& [line, times] : arrived) EXPECT_EQ(times, 1) << line;
}

// Replays into a destination that commits.
class StagedReplayTest : public ReplayTest {
 protected:
  void SetUp() override {
    ReplayTest::SetUp();
    Import();
    Configure(kLenient);
    UseProject("1");
    NewProcess();
  }

  void NewProcess() {
    staging_.reset();
    staging_ = lake_.NewStaging();
    destination_->staged = staging_.get();
  }

  ReplayReport Replay(ReplayQueue* queue = nullptr) {
    return millrace::Replay(
        request_,
        {.queue = queue != nullptr ? *queue : *queue_, .ledger = &ledger_, .clock = clock_}, {});
  }

  std::vector<std::string> LedgerObjects() {
    std::vector<std::string> objects;
    EXPECT_TRUE(ledger_
                    .ForEach(
                        [&](const LedgerEntry& entry) {
                          objects.push_back(entry.key.object);
                          return absl::OkStatus();
                        },
                        {})
                    .ok());
    return objects;
  }

  void ExpectU4Once() {
    const std::map<std::string, int> visible = lake_.Visible();
    ASSERT_EQ(visible.size(), 1u);
    EXPECT_THAT(visible.begin()->first, HasSubstr("fig"));
    EXPECT_EQ(visible.begin()->second, 1);
    EXPECT_EQ(lake_.EverTwice(), "");
  }

  FakeStagedDestination lake_;
  std::unique_ptr<Staging> staging_;
};

TEST_F(StagedReplayTest, RecordsAreCommittedAndTheLedgerForgetsThem) {
  const ReplayReport report = Replay();
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1u) << report.first_error;  // u4's; u2's time is still wrong
  ExpectU4Once();
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time"));
  EXPECT_THAT(lake_.Parts(), IsEmpty());
  EXPECT_THAT(LedgerObjects(), ElementsAre(folder_ + "/in/a.csv"));
}

TEST_F(StagedReplayTest, WithoutALedgerNothingIsSent) {
  const ReplayReport report = ReplayTest::Replay();
  EXPECT_TRUE(absl::IsInvalidArgument(report.status)) << report.status;
  EXPECT_THAT(report.first_error, HasSubstr("dlq replay --object spool: --to"));
  request_.dry_run = true;
  EXPECT_EQ(ReplayTest::Replay().counts.accepted, 1u);
  EXPECT_THAT(lake_.Parts(), IsEmpty());
}

TEST_F(StagedReplayTest, OutcomesThatWereLostAreKnownToTheLedger) {
  UnreliableQueue unreliable(*queue_);
  for (int attempt = 0; attempt < 2; ++attempt) {
    NewProcess();
    EXPECT_TRUE(absl::IsDataLoss(Replay(&unreliable).status));
  }
  NewProcess();
  EXPECT_EQ(Replay().counts.accepted, 1u);
  ExpectU4Once();
  EXPECT_THAT(LedgerObjects(), SizeIs(1));
}

class UnfinishedReplayTest : public StagedReplayTest,
                             public testing::WithParamInterface<FakeCommit> {};

// The commit is announced, and the replay is killed before it knows the outcome.
TEST_P(UnfinishedReplayTest, IsFinishedByTheNextReplay) {
  lake_.set_commit_script([](uint64_t n) { return n == 0 ? GetParam() : FakeCommit::kStop; });
  EXPECT_FALSE(Replay().status.ok());
  EXPECT_THAT(Waiting(), SizeIs(2));
  NewProcess();
  lake_.set_commit_script([](uint64_t) { return FakeCommit::kDone; });
  const ReplayReport report = Replay();
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1u);
  lake_.DeliverLate();
  ExpectU4Once();
  EXPECT_THAT(Waiting(), ElementsAre("2 invalid_time"));
  EXPECT_THAT(LedgerObjects(), SizeIs(1));
}
INSTANTIATE_TEST_SUITE_P(Faults, UnfinishedReplayTest,
                         testing::Values(FakeCommit::kNoAnswer, FakeCommit::kResponseLost,
                                         FakeCommit::kPartly, FakeCommit::kLate,
                                         FakeCommit::kStop));

// A replay by a direct method, into a table with a commit of one that commits.
TEST_F(StagedReplayTest, AnOpenCommitIsLeftToItsMethod) {
  const std::string name = destination_->LedgerName(RecordType::kEvent);
  EXPECT_TRUE(CheckNoOpenCommit(ledger_, {name}, {}).ok()) << "an import is no replay";
  lake_.set_commit_script([](uint64_t) { return FakeCommit::kStop; });
  EXPECT_FALSE(Replay().status.ok());
  const absl::Status open = CheckNoOpenCommit(ledger_, {"other", name}, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(open)) << open;
  EXPECT_THAT(std::string(open.message()), HasSubstr("with the DEST of that run"));
  EXPECT_TRUE(CheckNoOpenCommit(ledger_, {"other"}, {}).ok());
  NewProcess();
  lake_.set_commit_script([](uint64_t) { return FakeCommit::kDone; });
  EXPECT_TRUE(Replay().status.ok());
  EXPECT_TRUE(CheckNoOpenCommit(ledger_, {name}, {}).ok());
}

TEST_F(StagedReplayTest, PartsThatAreGoneAreStagedAgain) {
  lake_.set_commit_script(
      [](uint64_t n) { return n == 0 ? FakeCommit::kGone : FakeCommit::kDone; });
  EXPECT_EQ(Replay().counts.accepted, 1u);
  ExpectU4Once();
}

TEST_F(StagedReplayTest, RecordsThatTheDestinationRefusesStay) {
  Configure(kStrict);
  std::ofstream(folder_ + "/in/b.csv") << "user,when,item\n"
                                          ",1699999203,x\n"   // refused when it is staged
                                          ",1699999204,y\n";  // refused in the commit
  Import();
  std::string text = kLenient;
  const std::string_view name = R"("mixpanel_field":"item")";
  Configure(text.replace(text.find(name), name.size(), R"("mixpanel_field":"is")"));
  const ReplayReport report = Replay();
  EXPECT_TRUE(report.status.ok()) << report.status;
  EXPECT_EQ(report.counts.accepted, 1u);
  EXPECT_EQ(report.counts.rejected, 3u);
  ExpectU4Once();
  EXPECT_THAT(Waiting(), UnorderedElementsAre("2 invalid_time", "1 rejected_by_destination",
                                              "2 rejected_by_destination"));
  EXPECT_THAT(LedgerObjects(), SizeIs(2));
}

}  // namespace
}  // namespace millrace
