#include "objects/object_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/strings.h"
#include "mapping/mapping_version.h"
#include "objects/held_object_retry_feed.h"
#include "objects/object_lister.h"
#include "pipeline/intents.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/source_contract.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Signals when an object is requested.
class ObservedFeed : public ObjectFeed {
 public:
  ObservedFeed(std::unique_ptr<ObjectFeed> feed, const std::function<void()>& on_next)
      : feed_(std::move(feed)), on_next_(on_next) {}
  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token stop) override {
    on_next_();
    return feed_->Next(stop);
  }
  bool Ready() override { return feed_->Ready(); }

 private:
  const std::unique_ptr<ObjectFeed> feed_;
  const std::function<void()>& on_next_;
};

// Two files in a separate folder.
class ObjectSourceFixture : public SourceFixture {
 public:
  ObjectSourceFixture() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Write("a.ndjson", 5);
    Write("b.ndjson", 12);
  }
  ~ObjectSourceFixture() override { fs::remove_all(folder_); }

  MemoryLedger& ledger() override { return ledger_; }
  FakeClock& clock() override { return clock_; }
  std::unique_ptr<Source> Open(const std::string& owner) override {
    auto lister = ObjectLister::Start({folder_}, [](const ObjectInfo&) { return true; });
    EXPECT_TRUE(lister.ok()) << lister.status();
    outside_.push_back(std::make_unique<ObservedFeed>(*std::move(lister), on_outside_call_));
    feeds_.push_back(std::make_unique<HeldObjectRetryFeed>(*outside_.back(), progress_, clock_));
    ObjectSourceOptions options{.destination = "d", .owner = owner};
    options.limits.rows = 4;
    return std::make_unique<ObjectSource>(std::move(options), sources_, *feeds_.back(), ledger_,
                                          progress_);
  }
  void set_on_outside_call(std::function<void()> hook) override {
    on_outside_call_ = hook;
    ledger_.set_on_call(std::move(hook));
  }
  std::map<std::string, uint64_t> Rows() override { return rows_; }

 private:
  void Write(const std::string& name, uint64_t rows) {
    const std::string path = folder_ + "/" + name;
    std::ofstream file(path);
    for (uint64_t row = 0; row < rows; ++row) file << "{\"event\":\"" << row << "\"}\n";
    rows_[path] = rows;
  }

  const std::string folder_ =
      StrCat(fs::canonical(testing::TempDir()).string(), "/object_source_contract.", getpid());
  std::map<std::string, uint64_t> rows_;
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
  CurrentSources sources_{SourcesConfig::MixpanelFormat()};
  SourceProgress progress_;
  std::function<void()> on_outside_call_ = [] {};
  std::vector<std::unique_ptr<ObjectFeed>> outside_;
  std::vector<std::unique_ptr<HeldObjectRetryFeed>> feeds_;
};

INSTANTIATE_TEST_SUITE_P(ObjectSource, SourceContract,
                         testing::Values(+[]() -> std::unique_ptr<SourceFixture> {
                           return std::make_unique<ObjectSourceFixture>();
                         }));

// Returns the objects that the test sets, and records their outcomes.
class FakeFeed : public ObjectFeed {
 public:
  absl::StatusOr<std::optional<ListedObject>> Next(std::stop_token) override {
    if (objects.empty()) return std::optional<ListedObject>();
    ListedObject object = std::move(objects.front());
    objects.pop_front();
    return std::optional<ListedObject>(std::move(object));
  }
  bool Ready() override { return !objects.empty(); }
  void Ack(const ObjectInfo& object, const ObjectOutcome& outcome) override {
    settled.emplace_back(object.uri, outcome.kind);
  }

  std::deque<ListedObject> objects;
  std::vector<std::pair<std::string, ObjectOutcome::Kind>> settled;
};

class ObjectSourceFeed : public testing::Test {
 protected:
  using Kind = ObjectOutcome::Kind;

  ObjectSourceFeed() {
    std::ofstream(path_) << "{\"event\":\"e\"}\n";
    EXPECT_TRUE(store_
                    ->List(path_,
                           [&](const ObjectInfo& info) {
                             info_ = info;
                             return absl::OkStatus();
                           })
                    .ok());
  }

  ~ObjectSourceFeed() override { fs::remove(path_); }

  void Offer() { feed_.objects.push_back({store_, info_}); }
  std::unique_ptr<ObjectSource> Open(Ledger& ledger, bool force = false) {
    ObjectSourceOptions options{.destination = "d", .owner = "me", .force = force};
    options.on_forgotten = [this](const LedgerKey& key) {
      forgotten_.push_back(key.config);
      return absl::OkStatus();
    };
    options.resolve_intent = resolve_intent_;
    options.retry = {.initial = absl::Milliseconds(1),
                     .max = absl::Milliseconds(1),
                     .min_jitter = absl::ZeroDuration(),
                     .max_jitter = absl::ZeroDuration(),
                     .give_up_after = absl::Seconds(30)};
    return std::make_unique<ObjectSource>(std::move(options), sources_, feed_, ledger, progress_);
  }

  const std::string path_ =
      StrCat(fs::canonical(testing::TempDir()).string(), "/object_source.", getpid(), ".ndjson");
  const std::shared_ptr<ObjectStore> store_ = NewLocalObjectStore();
  ObjectInfo info_;
  FakeFeed feed_;
  FakeClock clock_;
  MemoryLedger ledger_{clock_};
  CurrentSources sources_{SourcesConfig::MixpanelFormat()};
  // The object as another config left it.
  void SendUnder(const std::string& config, uint64_t row) {
    auto claim = ledger_.ClaimObject(
        {{info_.uri, info_.version, config, "d"}, "other", 1, absl::Minutes(5)}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    claim->entry.position.row = row;
    claim->entry.state = LedgerState::kDone;
    ASSERT_TRUE(ledger_.Store(claim->entry, absl::Minutes(5), {}).ok());
  }

  // The commit of a worker that ended after it had announced it.
  void AnnounceCommit() {
    const LedgerKey key = KeyOf(info_, *sources_.Match(info_.uri), "d");
    const auto claim = ledger_.ClaimObject({key, "other", 1, absl::Minutes(5)}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    Intent intent{.id = std::string(32, 'a'), .destination = "d", .parts = {"part"}};
    intent.spans = {{.object = key,
                     .revision = claim->entry.revision,
                     .after = {.row = 1},
                     .counts = {.read = 1, .accepted = 1, .events = 1},
                     .state = LedgerState::kDone}};
    intent.owner = "other";
    ASSERT_TRUE(ledger_.intents().Announce(intent, absl::Minutes(5), {}).ok());
  }

  SourceProgress progress_;
  std::vector<std::string> forgotten_;
  decltype(ObjectSourceOptions::resolve_intent) resolve_intent_;
};

TEST_F(ObjectSourceFeed, SkipsObjectsSentUnderAnotherConfig) {
  SendUnder("mixpanel_format:0123", 1);
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  const auto nothing = source->Next(std::stop_token());
  ASSERT_TRUE(nothing.ok() && *nothing != nullptr);
  EXPECT_EQ((*nothing)->object, nullptr);
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kConfigChanged)));
  EXPECT_EQ(progress_.objects_config_changed, 1u);
  EXPECT_EQ(progress_.objects_skipped, 0u);
  ASSERT_EQ(progress_.config_changes().size(), 1u);
  EXPECT_THAT(Describe(progress_.config_changes()[0]),
              AllOf(HasSubstr(info_.uri), HasSubstr("\"mixpanel_format\", which has changed since"),
                    HasSubstr("--force")));
}

TEST_F(ObjectSourceFeed, ForceRemovesTheRowsOfEveryConfig) {
  SendUnder("mixpanel_format:0123", 1);
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger_, /*force=*/true);
  ASSERT_TRUE(source->Next(std::stop_token()).ok());
  EXPECT_THAT(forgotten_, ElementsAre("mixpanel_format:0123"));
  EXPECT_EQ(ledger_.Snapshot().size(), 1u);
  EXPECT_EQ(ledger_.Snapshot().begin()->second.mapping_version, kMappingVersion);
}

TEST_F(ObjectSourceFeed, FinishesTheCommitThatCoversAnObject) {
  ASSERT_NO_FATAL_FAILURE(AnnounceCommit());
  int resolved = 0;
  resolve_intent_ = [&](const std::string& id, bool owner_is_dead, std::stop_token stop) {
    ++resolved;
    EXPECT_FALSE(owner_is_dead);
    auto taken = ledger_.intents().Take(id, "me", owner_is_dead, absl::Minutes(5), stop);
    return ledger_.intents().Settle(**taken, absl::Minutes(5), stop);
  };
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  for (const Kind kind : {Kind::kHeld, Kind::kDoneBefore}) {
    Offer();
    ASSERT_TRUE(source->Next(std::stop_token()).ok());
    EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, kind)));
    feed_.settled.clear();
    clock_.Advance(absl::Minutes(10));
  }
  EXPECT_EQ(resolved, 1);
}

// A direct run, which makes no commits.
TEST_F(ObjectSourceFeed, StopsAtACommitThatItCannotFinish) {
  ASSERT_NO_FATAL_FAILURE(AnnounceCommit());
  clock_.Advance(absl::Minutes(10));
  const LedgerEntry before = ledger_.Snapshot().begin()->second;
  Offer();
  const auto stopped = Open(ledger_)->Next(std::stop_token());
  EXPECT_TRUE(absl::IsFailedPrecondition(stopped.status())) << stopped.status();
  EXPECT_THAT(std::string(stopped.status().message()),
              AllOf(HasSubstr(info_.uri), HasSubstr(std::string(32, 'a')),
                    HasSubstr("run the command once more with the DEST of that run")));
  const LedgerEntry after = ledger_.Snapshot().begin()->second;
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(after.intent, std::string(32, 'a'));
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kReleased)));
}

TEST_F(ObjectSourceFeed, IsReadyWhenThereIsSomethingToDo) {
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  EXPECT_FALSE(source->Ready());
  Offer();
  EXPECT_TRUE(source->Ready());
  LedgerEntry entry;
  for (bool last = false; !last;) {
    const auto chunk = source->Next(std::stop_token());
    ASSERT_TRUE(chunk.ok() && *chunk != nullptr);
    last = (*chunk)->last;
    entry = *(*chunk)->object;
  }
  entry.state = LedgerState::kDone;
  ASSERT_TRUE(ledger_.Store(entry, absl::Minutes(1), {}).ok());
  source->Ack(entry);
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kImported)));
  Offer();
  EXPECT_TRUE(source->Ready());
  const auto nothing = source->Next(std::stop_token());
  ASSERT_TRUE(nothing.ok() && *nothing != nullptr);
  EXPECT_EQ((*nothing)->object, nullptr) << "an object that is done gives nothing to read";
  EXPECT_EQ(feed_.settled.back().second, Kind::kDoneBefore);
  EXPECT_FALSE(source->Ready());
}

TEST_F(ObjectSourceFeed, SkipsObjectsThatAChangedConfigNoLongerMatches) {
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  auto changed = SourcesConfig::Parse(
      R"([{"config_id": "other", "source_gcs_prefix": "gs://other/"}])", "sources.json");
  ASSERT_TRUE(changed.ok()) << changed.status();
  sources_.Replace(*std::move(changed));
  const auto nothing = source->Next(std::stop_token());
  ASSERT_TRUE(nothing.ok() && *nothing != nullptr);
  EXPECT_EQ((*nothing)->object, nullptr);
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kUnmatched)));
  EXPECT_TRUE(ledger_.Snapshot().empty());
}

TEST_F(ObjectSourceFeed, AChangedConfigAppliesToObjectsClaimedAfterwards) {
  const std::string other = path_ + ".other";
  fs::copy_file(path_, other, fs::copy_options::overwrite_existing);
  Offer();
  const auto second = store_->Find(other);
  ASSERT_TRUE(second.ok()) << second.status();
  feed_.objects.push_back({store_, *second});
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  const auto before = source->Next(std::stop_token());
  ASSERT_TRUE(before.ok() && *before != nullptr);
  auto changed =
      SourcesConfig::Parse(R"([{"config_id": "other", "source_gcs_prefix": "/"}])", "sources.json");
  ASSERT_TRUE(changed.ok()) << changed.status();
  sources_.Replace(*std::move(changed));
  const auto last = source->Next(std::stop_token());
  ASSERT_TRUE(last.ok() && (*last)->last);
  EXPECT_EQ((*last)->object, (*before)->object)
      << "an object ends under the config that it started with";
  const auto after = source->Next(std::stop_token());
  ASSERT_TRUE(after.ok() && (*after)->object != nullptr);
  EXPECT_THAT((*after)->object->key.config, testing::StartsWith("other:"));
  fs::remove(other);
}

TEST_F(ObjectSourceFeed, AMissingObjectDoesNotBlockOthers) {
  feed_.objects.emplace_back();
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  EXPECT_TRUE(source->Ready());
  const auto nothing = source->Next(std::stop_token());
  ASSERT_TRUE(nothing.ok() && *nothing != nullptr);
  EXPECT_EQ((*nothing)->object, nullptr);
  EXPECT_FALSE(source->Ready());
}

TEST_F(ObjectSourceFeed, SaysWhyAnObjectFailed) {
  info_.version = "1-1";  // it has changed since
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  const auto chunk = source->Next(std::stop_token());
  ASSERT_TRUE(chunk.ok() && (*chunk)->last);
  EXPECT_TRUE(absl::IsFailedPrecondition((*chunk)->error));
  source->Release(*(*chunk)->object, Source::Unfinished::kFailed);
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kFailed)));
}

TEST_F(ObjectSourceFeed, StopsReadingAnObjectThatWasTakenOver) {
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger_);
  auto chunk = source->Next(std::stop_token());
  ASSERT_TRUE(chunk.ok() && !(*chunk)->last) << chunk.status();
  const LedgerEntry entry = *(*chunk)->object;
  source->Release(entry, Source::Unfinished::kTakenOver);
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kHeld)));
  EXPECT_EQ(progress_.objects_held, 1u);
  chunk = source->Next(std::stop_token());
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_TRUE((*chunk)->last);
  EXPECT_EQ((*chunk)->rows, 0u);
  EXPECT_EQ((*chunk)->after.row, 1u);

  Offer();  // like a HeldObjectRetryFeed
  chunk = source->Next(std::stop_token());
  ASSERT_TRUE(chunk.ok() && *chunk != nullptr) << chunk.status();
  EXPECT_EQ((*chunk)->rows, 1u) << "it is read again after another claim";
}

TEST_F(ObjectSourceFeed, ReleasesObjectsThatWereClaimedButNotStarted) {
  info_.version = "1-1";  // it has changed since, so there is nothing to read
  Offer();
  std::unique_ptr<ObjectSource> source = Open(ledger_);
  std::stop_source stop;
  ledger_.set_on_call([&] { stop.request_stop(); });  // within the claim
  const auto chunk = source->Next(stop.get_token());
  ledger_.set_on_call([] {});
  ASSERT_TRUE(absl::IsCancelled(chunk.status())) << chunk.status();
  source.reset();
  EXPECT_THAT(feed_.settled, ElementsAre(testing::Pair(info_.uri, Kind::kReleased)));
  for (const auto& [key, row] : ledger_.Snapshot()) EXPECT_EQ(row.owner, "");
}

// Unavailable for the first claims.
class AwayLedger : public Ledger {
 public:
  AwayLedger(Ledger& ledger, int times) : ledger_(ledger), times_(times) {}
  absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) override {
    if (times_-- > 0) return absl::UnavailableError("the server restarts");
    return ledger_.ClaimObject(request, stop);
  }
  absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) override {
    return ledger_.Store(entry, lease, stop);
  }
  absl::Status Release(LedgerEntry& entry, std::stop_token stop) override {
    return ledger_.Release(entry, stop);
  }
  absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                std::stop_token stop) override {
    return ledger_.Forget(key, stop);
  }
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                       std::stop_token stop) override {
    return ledger_.ForEach(visit, stop);
  }
  Intents& intents() override { return ledger_.intents(); }

 private:
  Ledger& ledger_;
  int times_;
};

TEST_F(ObjectSourceFeed, AnUnavailableLedgerIsRetried) {
  AwayLedger ledger(ledger_, 5);
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger);
  EXPECT_TRUE(source->Ready());
  const auto chunk = source->Next(std::stop_token());
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ((*chunk)->rows, 1u);
}

TEST_F(ObjectSourceFeed, AStopEndsTheWaitForTheLedger) {
  AwayLedger ledger(ledger_, 1 << 30);
  Offer();
  const std::unique_ptr<ObjectSource> source = Open(ledger);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(absl::IsCancelled(source->Next(stop.get_token()).status()));
  stopper.join();
}

}  // namespace
}  // namespace millrace
