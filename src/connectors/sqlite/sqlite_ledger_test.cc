#include "connectors/sqlite/sqlite_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "connectors/sqlite/database.h"
#include "pipeline/testing/ledger_contract.h"

namespace {
std::atomic<int> syncs{0};
}  // namespace

// SQLite calls these, which count.
extern "C" __attribute__((visibility("default"))) int fsync(int fd) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TempFolder {
 public:
  TempFolder() : path_(testing::TempDir() + "ledger_XXXXXX") { ::mkdtemp(path_.data()); }
  ~TempFolder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::unique_ptr<Ledger> MustOpen(const std::string& path, Clock& clock) {
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenSqliteLedger(path, clock);
  EXPECT_TRUE(ledger.ok()) << ledger.status();
  return ledger.ok() ? *std::move(ledger) : nullptr;
}

// Tells when it was read, which each change does before it waits for other processes.
class WatchedClock : public FakeClock {
 public:
  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    ++reads_;
    return FakeClock::Now();
  }
  int reads() const {
    absl::MutexLock lock(&mutex_);
    return reads_;
  }
  void AwaitReadAfter(int reads) const {
    const auto more = [&] { return reads_ > reads; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&more));
  }

 private:
  mutable absl::Mutex mutex_;
  int reads_ = 0;
};

class LockedFile : public HeldUp {
 public:
  LockedFile(const std::string& path, const WatchedClock& clock)
      : clock_(clock), reads_(clock.reads()) {
    absl::StatusOr<sqlite::Database> database = sqlite::Database::Open(path, absl::Seconds(1));
    EXPECT_TRUE(database.ok() && database->Execute("BEGIN IMMEDIATE").ok());
    if (database.ok()) database_ = *std::move(database);
  }
  void AwaitCall() override { clock_.AwaitReadAfter(reads_); }

 private:
  const WatchedClock& clock_;
  const int reads_;
  sqlite::Database database_;
};

class SqliteLedgerFixture : public LedgerFixture {
 public:
  SqliteLedgerFixture() { Open(); }
  Ledger& ledger() override { return *ledger_; }
  Ledger& other() override { return *other_; }
  absl::Time Now() override { return clock_.Now(); }
  void Advance(absl::Duration duration) override { clock_.Advance(duration); }
  std::unique_ptr<Ledger> OpenAnother() override { return MustOpen(folder_ / "ledger.db", clock_); }
  void Reopen() override {
    ledger_.reset();
    other_.reset();
    Open();
  }
  std::unique_ptr<HeldUp> HoldUp() override {
    return std::make_unique<LockedFile>(folder_ / "ledger.db", clock_);
  }

 private:
  void Open() {
    ledger_ = MustOpen(folder_ / "ledger.db", clock_);
    other_ = MustOpen(folder_ / "ledger.db", clock_);
  }

  TempFolder folder_;
  WatchedClock clock_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Ledger> other_;
};

std::unique_ptr<LedgerFixture> NewFixture() { return std::make_unique<SqliteLedgerFixture>(); }
INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(&NewFixture));
INSTANTIATE_TEST_SUITE_P(Sqlite, IntentsContract, testing::Values(&NewFixture));

class SqliteLedgerTest : public testing::Test {
 protected:
  absl::Status OpenStatus(const std::string& path) {
    return OpenSqliteLedger(path, clock_).status();
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat stat = {};
    EXPECT_EQ(::stat(path.c_str(), &stat), 0) << path;
    return stat.st_mode & 0777;
  }

  TempFolder folder_;
  FakeClock clock_;
};

TEST_F(SqliteLedgerTest, IsForItsOwnerOnly) {
  const std::unique_ptr<Ledger> ledger = MustOpen(folder_ / "a/b/ledger.db", clock_);
  ASSERT_TRUE(ledger->ClaimObject({{.object = "o"}, "one", 1, absl::Minutes(1)}, {}).ok());
  EXPECT_EQ(ModeOf(folder_ / "a"), 0700u);
  EXPECT_EQ(ModeOf(folder_ / "a/b"), 0700u);
  EXPECT_EQ(ModeOf(folder_ / "a/b/ledger.db"), 0600u);
  EXPECT_EQ(ModeOf(folder_ / "a/b/ledger.db-wal"), 0600u);
}

TEST_F(SqliteLedgerTest, InMemoryEndsWithItsObject) {
  for (int i = 0; i < 2; ++i) {
    const std::unique_ptr<Ledger> ledger = MustOpen(":memory:", clock_);
    const auto claim = ledger->ClaimObject({{.object = "o"}, "one", 1, absl::Minutes(1)}, {});
    ASSERT_TRUE(claim.ok());
    EXPECT_EQ(claim->entry.revision, 1u);
  }
}

TEST_F(SqliteLedgerTest, AProcessThatDiesLosesNothing) {
  const std::string path = folder_ / "ledger.db";
  constexpr int kObjects = 20;
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenSqliteLedger(path, clock_);
    for (int i = 0; i < kObjects; ++i) {
      auto claim =
          (*ledger)->ClaimObject({{.object = StrCat("o", i)}, "child", 1, absl::Minutes(1)}, {});
      claim->entry.position.row = 7;
      if (!(*ledger)->Store(claim->entry, absl::Minutes(1), {}).ok()) ::_exit(1);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  int found = 0;
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  ASSERT_TRUE(ledger
                  ->ForEach(
                      [&](const LedgerEntry& entry) {
                        EXPECT_EQ(entry.position.row, 7u);
                        ++found;
                        return absl::OkStatus();
                      },
                      {})
                  .ok());
  EXPECT_EQ(found, kObjects);
}

// Nothing else waits for the disk.
TEST_F(SqliteLedgerTest, AnAnnouncementIsOnTheDiskWhenItReturns) {
  const std::unique_ptr<Ledger> ledger = MustOpen(folder_ / "ledger.db", clock_);
  const LedgerKey key{"o", "1", "c", "d"};
  auto claim = ledger->ClaimObject({key, "one", 1, absl::Minutes(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  Intent intent{.id = std::string(32, '1'), .destination = "d", .owner = "one"};
  intent.spans.push_back({.object = key, .revision = claim->entry.revision, .after = {.row = 3}});
  syncs = 0;
  ASSERT_TRUE(ledger->intents().Announce(intent, absl::Minutes(1), {}).ok());
  EXPECT_GT(syncs, 0);
  syncs = 0;
  ASSERT_TRUE(ledger->intents().Renew(intent, absl::Minutes(1), {}).ok());
  ASSERT_TRUE(ledger->intents().Settle(intent, absl::Minutes(1), {}).ok());
  claim->entry.revision = intent.spans[0].revision;
  claim->entry.position.row = 4;
  ASSERT_TRUE(ledger->Store(claim->entry, absl::Minutes(1), {}).ok());
  EXPECT_EQ(syncs, 0);
}

// The announcement and the rows that it covers are one transaction.
TEST_F(SqliteLedgerTest, AProcessThatDiesLeavesItsAnnouncement) {
  const std::string path = folder_ / "ledger.db";
  const LedgerKey key{"o", "1", "c", "d"};
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenSqliteLedger(path, clock_);
    auto claim = (*ledger)->ClaimObject({key, "child", 1, absl::Minutes(1)}, {});
    Intent intent{.id = std::string(32, '1'), .destination = "d", .owner = "child"};
    intent.spans.push_back({.object = key, .revision = claim->entry.revision, .after = {.row = 3}});
    if (!(*ledger)->intents().Announce(intent, absl::Minutes(1), {}).ok()) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  auto taken = ledger->intents().Take(std::string(32, '1'), "heir", /*owner_is_dead=*/true,
                                      absl::Minutes(1), {});
  ASSERT_TRUE(taken.ok() && taken->has_value()) << taken.status();
  ASSERT_TRUE(ledger->intents().Settle(**taken, absl::Minutes(1), {}).ok());
  const auto claim = ledger->ClaimObject({key, "heir", 1, absl::Minutes(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->entry.position.row, 3u);
}

TEST_F(SqliteLedgerTest, ADamagedAnnouncementIsAnError) {
  const std::string path = folder_ / "ledger.db";
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  auto database = sqlite::Database::Open(path, absl::Seconds(1));
  ASSERT_TRUE(
      database.ok() &&
      database->Execute("INSERT INTO intents VALUES ('i', 'd', 'o', 0, 1, '{\"parts\":')").ok());
  EXPECT_TRUE(absl::IsDataLoss(ledger->intents().List("d", {}).status()));
  EXPECT_TRUE(
      absl::IsDataLoss(ledger->intents().Take("i", "me", false, absl::Minutes(1), {}).status()));
  EXPECT_TRUE(ledger->intents().List("e", {}).ok()) << "the next call works";
}

TEST_F(SqliteLedgerTest, ManyProcessesMayOpenANewFileAtOnce) {
  const std::string path = folder_ / "ledger.db";
  std::vector<pid_t> children;
  for (int c = 0; c < 8; ++c) {
    children.push_back(::fork());
    if (children.back() == 0) {
      absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenSqliteLedger(path, clock_);
      if (!ledger.ok()) ::_exit(1);
      for (int i = 0; i < 20; ++i) {
        if (!(*ledger)
                 ->ClaimObject({{.object = StrCat("o", i)}, StrCat(c), 1, absl::Hours(1)}, {})
                 .ok()) {
          ::_exit(2);
        }
      }
      ::_exit(0);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  }
}

TEST_F(SqliteLedgerTest, WhatIsNoDatabaseIsNamed) {
  const std::string path = folder_ / "ledger.db";
  std::ofstream(path) << std::string(5000, 'x');
  const absl::Status status = OpenStatus(path);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr(path));
}

TEST_F(SqliteLedgerTest, ADatabaseOfSomethingElseIsLeftAlone) {
  const std::string path = folder_ / "places.db";
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute("CREATE TABLE places (x)").ok());
  }
  const absl::Status status = OpenStatus(path);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("something else"));
}

TEST_F(SqliteLedgerTest, ANewerFormatIsRefused) {
  const std::string path = folder_ / "ledger.db";
  MustOpen(path, clock_);
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute("UPDATE schema_version SET version = 99").ok());
  }
  const absl::Status status = OpenStatus(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("newer Millrace"));
}

// As Millrace made it before it kept the mapping version. Both configs have sent rows: it let them.
constexpr char kFormat1[] = R"(
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES (1);
CREATE TABLE objects (
  object TEXT NOT NULL, version TEXT NOT NULL, config TEXT NOT NULL, destination TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'done')),
  position_row INTEGER NOT NULL DEFAULT 0, position_byte INTEGER NOT NULL DEFAULT 0,
  rows_read INTEGER NOT NULL DEFAULT 0, rows_accepted INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0, rows_filtered INTEGER NOT NULL DEFAULT 0,
  events_accepted INTEGER NOT NULL DEFAULT 0,
  owner TEXT NOT NULL, lease_until_us INTEGER NOT NULL, started_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL, last_error TEXT NOT NULL DEFAULT '', object_bytes INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (object, version, config, destination)
) STRICT, WITHOUT ROWID;
INSERT INTO objects (object, version, config, destination, state, position_row, owner,
                     lease_until_us, started_us, updated_us, object_bytes)
  VALUES ('o', '1', 'old', 'd', 'done', 9, '', 5, 5, 5, 100),
         ('o', '1', 'new', 'd', 'open', 4, '', 6, 6, 6, 100);
)";

std::vector<std::string> ObjectsReadFrom(const std::string& path) {
  const auto reader = OpenSqliteLedgerToRead(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  std::vector<std::string> objects;
  if (!reader.ok()) return objects;
  const absl::Status status = (*reader)->ForEach(
      [&](const LedgerEntry& entry) {
        objects.push_back(entry.key.object);
        return absl::OkStatus();
      },
      {});
  EXPECT_TRUE(status.ok()) << status;
  return objects;
}

TEST_F(SqliteLedgerTest, AnOlderFormatIsUpgradedAndGoesOn) {
  const std::string path = folder_ / "ledger.db";
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute(kFormat1).ok());
  }
  for (int i = 0; i < 2; ++i) ASSERT_NE(MustOpen(path, clock_), nullptr);
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  const auto claim = [&](const std::string& config) {
    return ledger->ClaimObject({.key = {"o", "1", config, "d"},
                                .owner = "me",
                                .lease = absl::Minutes(1),
                                .mapping_version = 2},
                               {});
  };
  EXPECT_EQ(claim("old")->outcome, Ledger::Claim::Outcome::kDone);
  EXPECT_EQ(claim("old")->entry.mapping_version, 1u);
  const auto open = claim("new");
  EXPECT_EQ(open->outcome, Ledger::Claim::Outcome::kClaimed)
      << "an object with a position is resumed";
  EXPECT_EQ(open->entry.position.row, 4u);
  EXPECT_EQ(open->entry.mapping_version, 1u);
  EXPECT_EQ(claim("third")->outcome, Ledger::Claim::Outcome::kConfigChanged);
}

// Rows of format 2 that were sent but not recorded still have the name of their owner.
TEST_F(SqliteLedgerTest, AFileOfFormat2IsUpgraded) {
  const std::string path = folder_ / "ledger.db";
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute(kFormat1).ok());
    ASSERT_TRUE(
        database
            ->Execute("ALTER TABLE objects ADD COLUMN mapping_version INTEGER NOT NULL "
                      "DEFAULT 1; ALTER TABLE objects ADD COLUMN config_parts TEXT NOT NULL "
                      "DEFAULT 'a:1'; UPDATE schema_version SET version = 2; "
                      "DELETE FROM objects WHERE config = 'old'; "
                      "UPDATE objects SET position_row = 0, owner = 'dead'")
            .ok());
  }
  EXPECT_THAT(ObjectsReadFrom(path), testing::ElementsAre("o"));
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  const auto claim = ledger->ClaimObject(
      {.key = {"o", "1", "new", "d"}, .owner = "me", .lease = absl::Minutes(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
  EXPECT_TRUE(claim->entry.maybe_sent);
}

TEST_F(SqliteLedgerTest, AFileOfFormat3IsUpgraded) {
  const std::string path = folder_ / "ledger.db";
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute(kFormat1).ok());
    ASSERT_TRUE(database
                    ->Execute("ALTER TABLE objects ADD COLUMN mapping_version INTEGER NOT NULL "
                              "DEFAULT 1; ALTER TABLE objects ADD COLUMN config_parts TEXT NOT "
                              "NULL DEFAULT 'a:1'; ALTER TABLE objects ADD COLUMN maybe_sent "
                              "INTEGER NOT NULL DEFAULT 0; UPDATE schema_version SET version = 3; "
                              "DELETE FROM objects WHERE config = 'old'; "
                              "UPDATE objects SET maybe_sent = 1")
                    .ok());
  }
  EXPECT_THAT(ObjectsReadFrom(path), testing::ElementsAre("o"));
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  const LedgerKey key{"o", "1", "new", "d"};
  const auto claim =
      ledger->ClaimObject({.key = key, .owner = "me", .lease = absl::Minutes(1)}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
  EXPECT_EQ(claim->entry.position.row, 4u);
  EXPECT_TRUE(claim->entry.maybe_sent);
  EXPECT_EQ(claim->entry.intent, "");
  Intent intent{.id = std::string(32, '1'), .destination = "d", .owner = "me"};
  intent.spans.push_back({.object = key, .revision = claim->entry.revision, .after = {.row = 9}});
  EXPECT_TRUE(ledger->intents().Announce(intent, absl::Minutes(1), {}).ok());
  EXPECT_THAT(ObjectsReadFrom(path), testing::ElementsAre("o"));
}

TEST_F(SqliteLedgerTest, ReadingMakesNothing) {
  EXPECT_THAT(ObjectsReadFrom(folder_ / "no/such/ledger.db"), testing::IsEmpty());
  EXPECT_FALSE(fs::exists(folder_ / "no"));
}

TEST_F(SqliteLedgerTest, ReadingSeesWhatOthersWriteAndLeavesItToThem) {
  const std::string path = folder_ / "ledger.db";
  const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
  const auto reader = OpenSqliteLedgerToRead(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(
      ledger
          ->ClaimObject({.key = {"a", "1", "c", "d"}, .owner = "me", .lease = absl::Minutes(1)}, {})
          .ok());
  EXPECT_THAT(ObjectsReadFrom(path), testing::ElementsAre("a"));
  int rows = 0;
  EXPECT_TRUE((*reader)
                  ->ForEach(
                      [&](const LedgerEntry&) {
                        ++rows;
                        return absl::OkStatus();
                      },
                      {})
                  .ok());
  EXPECT_EQ(rows, 1);
}

TEST_F(SqliteLedgerTest, ReadsAnOlderFormatWithoutUpgradingIt) {
  const std::string path = folder_ / "ledger.db";
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database->Execute(kFormat1).ok());
  }
  std::ifstream before(path);
  const std::string bytes((std::istreambuf_iterator<char>(before)), {});
  EXPECT_THAT(ObjectsReadFrom(path), testing::Not(testing::IsEmpty()));
  std::ifstream after(path);
  EXPECT_EQ(bytes, std::string((std::istreambuf_iterator<char>(after)), {}));
}

TEST_F(SqliteLedgerTest, ReadsWhereNothingCanBeWrittenBesideTheFile) {
  const std::string path = folder_ / "sub/ledger?#%.db";
  {
    const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
    ASSERT_TRUE(ledger->ClaimObject({.key = {"a", "1", "c", "d"}, .owner = "me"}, {}).ok());
  }
  fs::create_directory(path + "-shm");  // in the way of SQLite's file, as a read-only folder is
  EXPECT_THAT(ObjectsReadFrom(path), testing::ElementsAre("a"));
}

TEST_F(SqliteLedgerTest, ReadingRefusesWhatIsNoLedgerOrNewer) {
  const std::string path = folder_ / "ledger.db";
  std::ofstream(path) << std::string(5000, 'x');
  EXPECT_TRUE(absl::IsDataLoss(OpenSqliteLedgerToRead(path).status()));
  fs::remove(path);
  {
    auto database = sqlite::Database::Open(path, absl::Seconds(1));
    ASSERT_TRUE(database.ok() && database
                                     ->Execute("CREATE TABLE schema_version (version);"
                                               "INSERT INTO schema_version VALUES (99)")
                                     .ok());
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenSqliteLedgerToRead(path).status()));
}

TEST_F(SqliteLedgerTest, ADamagedPageIsAnErrorThatNamesTheFile) {
  const std::string path = folder_ / "ledger.db";
  {
    const std::unique_ptr<Ledger> ledger = MustOpen(path, clock_);
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(
          ledger->ClaimObject({{.object = StrCat("object ", i)}, "one", 1, absl::Hours(1)}, {})
              .ok());
    }
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * 4096);  // after the roots of the tables
    file << std::string(2 * 4096, '\xff');
  }
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenSqliteLedger(path, clock_);
  absl::Status status = ledger.status();
  if (ledger.ok())
    status = (*ledger)->ForEach([](const LedgerEntry&) { return absl::OkStatus(); }, {});
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr(path));
}

TEST_F(SqliteLedgerTest, AFolderThatCannotBeIsNamed) {
  std::ofstream(folder_ / "file") << "x";
  const absl::Status status = OpenStatus(folder_ / "file/ledger.db");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr(folder_ / "file"));
  EXPECT_FALSE(OpenStatus(folder_ / "").ok()) << "a folder is no ledger";
}

TEST_F(SqliteLedgerTest, WhatMayNotBeWrittenIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const std::string path = folder_ / "ledger.db";
  MustOpen(path, clock_);
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  const absl::Status status = OpenStatus(path);
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr(path));
}

}  // namespace
}  // namespace millrace
