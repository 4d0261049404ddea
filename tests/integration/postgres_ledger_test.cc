// The PostgreSQL ledger against a server, which MILLRACE_TEST_POSTGRES names (postgres_server.py).
#include "connectors/postgres/postgres_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/strings.h"
#include "connectors/postgres/connection.h"
#include "cutting_proxy.h"
#include "pipeline/testing/ledger_contract.h"

namespace millrace {
namespace {

using postgres::Address;
using postgres::Connection;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ServerUri() {
  const char* uri = std::getenv("MILLRACE_TEST_POSTGRES");
  return uri == nullptr ? "" : uri;
}

// The folder of the server's socket.
std::string SocketFolder() { return ServerUri().substr(ServerUri().find("host=") + 5); }

Address MustParse(const std::string& uri) {
  absl::StatusOr<Address> address = Address::Parse(uri);
  EXPECT_TRUE(address.ok()) << address.status();
  return *std::move(address);
}

// A schema of its own, in which now() is a clock that the test moves: the search path puts the
// schema before pg_catalog.
class Schema {
 public:
  Schema() : admin_(MustParse(ServerUri())) {
    static std::atomic<int> made{0};
    name_ = StrCat("t", getpid(), "_", ++made);
    Run(StrCat("CREATE SCHEMA ", name_));
    Run(StrCat("CREATE TABLE ", name_,
               ".test_clock AS SELECT timestamptz '2026-01-02 03:04:05' AS at"));
    Run(StrCat("CREATE FUNCTION ", name_, ".now() RETURNS timestamptz STABLE LANGUAGE sql AS ",
               "'SELECT at FROM ", name_, ".test_clock'"));
  }
  ~Schema() { Run(StrCat("DROP SCHEMA ", name_, " CASCADE")); }

  std::string Uri(const std::string& server = ServerUri()) const {
    return StrCat(server, "&options=-csearch_path%3D", name_, ",pg_catalog");
  }
  void Run(const std::string& sql) {
    const absl::Status status = admin_.ExecuteAll(sql.c_str(), {});
    EXPECT_TRUE(status.ok()) << status;
  }
  uint64_t Number(const std::string& sql) {
    const auto rows = admin_.Execute(sql.c_str(), {}, {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() && rows->size() > 0 ? rows->Number(0, 0) : 0;
  }
  const std::string& name() const { return name_; }

 private:
  Connection admin_;
  std::string name_;
};

std::unique_ptr<Ledger> MustOpen(const std::string& uri) {
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenPostgresLedger(uri, {});
  EXPECT_TRUE(ledger.ok()) << ledger.status();
  return ledger.ok() ? *std::move(ledger) : nullptr;
}

class LockedTable : public HeldUp {
 public:
  explicit LockedTable(const std::string& schema) : locker_(MustParse(ServerUri())) {
    Run(StrCat("BEGIN; LOCK TABLE ", schema, ".millrace_objects IN ACCESS EXCLUSIVE MODE"));
  }
  ~LockedTable() override { Run("ROLLBACK"); }
  void AwaitCall() override {
    for (bool waits = false; !waits;) {
      const auto rows = locker_.Execute(
          "SELECT 1 FROM pg_locks WHERE relation = ANY (SELECT relation FROM pg_locks WHERE pid = "
          "pg_backend_pid() AND mode = 'AccessExclusiveLock') AND NOT granted",
          {}, {});
      ASSERT_TRUE(rows.ok()) << rows.status();
      waits = rows->size() > 0;
    }
  }

 private:
  void Run(const std::string& sql) {
    const absl::Status status = locker_.ExecuteAll(sql.c_str(), {});
    EXPECT_TRUE(status.ok()) << status;
  }
  Connection locker_;
};

class PostgresLedgerFixture : public LedgerFixture {
 public:
  PostgresLedgerFixture() { Reopen(); }
  Ledger& ledger() override { return *ledger_; }
  Ledger& other() override { return *other_; }
  absl::Time Now() override {
    return absl::FromUnixMicros(static_cast<int64_t>(
        schema_.Number(StrCat("SELECT (extract(epoch FROM at) * 1000000)::bigint FROM ",
                              schema_.name(), ".test_clock"))));
  }
  void Advance(absl::Duration duration) override {
    schema_.Run(StrCat("UPDATE ", schema_.name(), ".test_clock SET at = at + interval '",
                       absl::ToInt64Microseconds(duration), " microseconds'"));
  }
  void Reopen() override {
    ledger_ = MustOpen(schema_.Uri());
    other_ = MustOpen(schema_.Uri());
  }
  std::unique_ptr<Ledger> OpenAnother() override { return MustOpen(schema_.Uri()); }
  std::unique_ptr<HeldUp> HoldUp() override {
    return std::make_unique<LockedTable>(schema_.name());
  }

 private:
  Schema schema_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Ledger> other_;
};

std::unique_ptr<LedgerFixture> NewFixture() { return std::make_unique<PostgresLedgerFixture>(); }
INSTANTIATE_TEST_SUITE_P(Postgres, LedgerContract, testing::Values(&NewFixture));
INSTANTIATE_TEST_SUITE_P(Postgres, IntentsContract, testing::Values(&NewFixture));

class PostgresLedgerTest : public testing::Test {
 protected:
  static constexpr absl::Duration kLease = absl::Minutes(5);
  static LedgerKey Key(const std::string& object = "gs://b/k") {
    return {.object = object, .version = "1", .config = "c", .destination = "d"};
  }
  static Intent IntentOf(const LedgerEntry& row) {
    Intent intent{.id = std::string(32, '1'),
                  .destination = row.key.destination,
                  .parts = {"part"},
                  .owner = row.owner};
    intent.spans.push_back({.object = row.key, .revision = row.revision, .after = {.row = 7}});
    return intent;
  }
  uint64_t Revision() {
    return schema_.Number(StrCat("SELECT revision FROM ", schema_.name(), ".millrace_objects"));
  }
  void EndConnections() {
    schema_.Run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'millrace' AND pid <> pg_backend_pid()");
  }

  Schema schema_;
};

TEST_F(PostgresLedgerTest, ManyWorkersCreateTheTablesConcurrently) {
  std::vector<std::thread> workers;
  std::atomic<int> opened{0};
  for (int i = 0; i < 8; ++i) {
    workers.emplace_back([&] { opened += MustOpen(schema_.Uri()) != nullptr; });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(opened, 8);
  EXPECT_EQ(
      schema_.Number(StrCat("SELECT count(*) FROM ", schema_.name(), ".millrace_schema_version")),
      1u);
}

class PostgresUpgradeTest : public PostgresLedgerTest, public testing::WithParamInterface<int> {};

// Tables as Millrace created them before it stored the mapping version, before it stored what may
// be sent, and before it announced commits.
TEST_P(PostgresUpgradeTest, AnOlderFormatIsUpgradedAndUsed) {
  ASSERT_TRUE(MustOpen(schema_.Uri())->ClaimObject({Key(), "one", 1, kLease}, {}).ok());
  const std::string of_version_2 = "DROP COLUMN mapping_version, DROP COLUMN config_parts, ";
  const std::string of_version_3 = "DROP COLUMN maybe_sent, ";
  schema_.Run(StrCat("ALTER TABLE ", schema_.name(), ".millrace_objects ",
                     GetParam() < 2 ? of_version_2 : "", GetParam() < 3 ? of_version_3 : "",
                     "DROP COLUMN intent; DROP TABLE ", schema_.name(),
                     ".millrace_intents; UPDATE ", schema_.name(),
                     ".millrace_schema_version SET version = ", GetParam()));
  std::vector<std::thread> workers;
  std::atomic<int> opened{0};
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] { opened += MustOpen(schema_.Uri()) != nullptr; });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(opened, 4);
  const std::unique_ptr<Ledger> ledger = MustOpen(schema_.Uri());
  const auto claim = ledger->ClaimObject(
      {.key = Key(), .owner = "one", .lease = kLease, .mapping_version = 2}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
  EXPECT_EQ(claim->entry.mapping_version, 2u) << "it has no rows yet";
  EXPECT_FALSE(claim->entry.maybe_sent);
  Intent intent = IntentOf(claim->entry);
  EXPECT_TRUE(ledger->intents().Announce(intent, kLease, {}).ok());
}

INSTANTIATE_TEST_SUITE_P(Versions, PostgresUpgradeTest, testing::Values(1, 2, 3));

TEST_F(PostgresLedgerTest, ALostConnectionIsOpenedAgain) {
  const std::unique_ptr<Ledger> ledger = MustOpen(schema_.Uri());
  absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  EndConnections();
  claim->entry.position.row = 3;
  EXPECT_TRUE(ledger->Store(claim->entry, kLease, {}).ok());
  EndConnections();
  EXPECT_TRUE(ledger->Release(claim->entry, {}).ok());
}

TEST_F(PostgresLedgerTest, AChangeWithALostResponseIsMadeOnce) {
  std::string folder = testing::TempDir() + "mrproxy_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    CuttingProxy proxy(folder, SocketFolder() + "/.s.PGSQL.5432");
    const std::unique_ptr<Ledger> ledger =
        MustOpen(schema_.Uri(StrCat("postgres://tester@/postgres?host=", folder)));
    absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    LedgerEntry entry = claim->entry;
    const int before = proxy.connections();

    proxy.LoseNextAnswer();
    entry.position.row = entry.counts.read = entry.counts.accepted = 7;
    ASSERT_TRUE(ledger->Store(entry, kLease, {}).ok());
    EXPECT_EQ(entry.revision, 2u);
    EXPECT_EQ(Revision(), 2u) << "once";
    EXPECT_GT(proxy.connections(), before) << "the answer was lost";

    proxy.LoseNextAnswer();
    ASSERT_TRUE(ledger->Release(entry, {}).ok());
    EXPECT_EQ(Revision(), 3u);

    proxy.LoseNextAnswer();
    claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_EQ(claim->outcome, Ledger::Claim::Outcome::kClaimed);
    entry = claim->entry;
    entry.state = LedgerState::kDone;
    proxy.LoseNextAnswer();
    ASSERT_TRUE(ledger->Store(entry, kLease, {}).ok());
    EXPECT_EQ(entry.owner, "");
    EXPECT_TRUE(absl::IsAborted(ledger->Store(entry, kLease, {}))) << "that is another change";
  }
  std::filesystem::remove_all(folder);
}

TEST_F(PostgresLedgerTest, AChangeOfAnIntentWithALostResponseIsMadeOnce) {
  std::string folder = testing::TempDir() + "mrproxy_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    CuttingProxy proxy(folder, SocketFolder() + "/.s.PGSQL.5432");
    const std::unique_ptr<Ledger> ledger =
        MustOpen(schema_.Uri(StrCat("postgres://tester@/postgres?host=", folder)));
    Intents& intents = ledger->intents();
    const absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    Intent intent = IntentOf(claim->entry);
    int before = proxy.connections();
    const auto was_lost = [&] {
      return proxy.connections() > std::exchange(before, proxy.connections());
    };

    proxy.LoseNextAnswer();
    ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
    EXPECT_TRUE(was_lost());
    EXPECT_EQ(intent.revision, 1u);
    EXPECT_EQ(intent.spans[0].revision, 2u);
    EXPECT_EQ(Revision(), 2u) << "once";

    proxy.LoseNextAnswer();
    ASSERT_TRUE(intents.Renew(intent, kLease, {}).ok());
    EXPECT_TRUE(was_lost());
    EXPECT_EQ(intent.revision, 2u);

    Intent withdrawn = intent;
    proxy.LoseNextAnswer();
    ASSERT_TRUE(intents.Withdraw(withdrawn, {}).ok());
    EXPECT_TRUE(was_lost());
    EXPECT_EQ(withdrawn.spans[0].revision, 3u);
    EXPECT_EQ(Revision(), 3u);
    EXPECT_TRUE(absl::IsAborted(intents.Settle(intent, kLease, {}))) << "that is another change";

    intent = withdrawn;
    intent.id = std::string(32, '2');
    ASSERT_TRUE(intents.Announce(intent, kLease, {}).ok());
    const auto taken = intents.Take(intent.id, "two", /*owner_is_dead=*/true, kLease, {});
    ASSERT_TRUE(taken.ok() && taken->has_value()) << taken.status();
    intent = **taken;
    EXPECT_EQ(intent.spans[0].revision, Revision());

    proxy.LoseNextAnswer();
    ASSERT_TRUE(intents.Settle(intent, kLease, {}).ok());
    EXPECT_TRUE(was_lost());
    EXPECT_EQ(intent.spans[0].revision, Revision());
    EXPECT_EQ(ledger->ClaimObject({Key(), "one", 1, kLease}, {})->entry.position.row, 7u);
  }
  std::filesystem::remove_all(folder);
}

// A server may defer the flush of commits, which then lags behind for up to 600 ms. (Some other
// process of the server may write at any time.)
TEST_F(PostgresLedgerTest, AnAnnouncementIsFlushedBeforeItReturns) {
  constexpr int kRounds = 20;
  const std::unique_ptr<Ledger> ledger =
      MustOpen(StrCat(schema_.Uri(), "%20-csynchronous_commit%3Doff"));
  int unflushed = 0;
  for (int i = 0; i < kRounds; ++i) {
    const auto claim = ledger->ClaimObject({Key(StrCat("o", i)), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    Intent intent = IntentOf(claim->entry);
    intent.id = StrCat(std::string(30, '1'), 10 + i);
    ASSERT_TRUE(ledger->intents().Announce(intent, kLease, {}).ok());
    unflushed += static_cast<int>(
        schema_.Number("SELECT (pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn())::int"));
  }
  EXPECT_LT(unflushed, kRounds / 2);
}

// Its tables were granted before there were intents.
TEST_F(PostgresLedgerTest, ARoleWithoutTheTableOfIntentsWorksWithoutThem) {
  MustOpen(schema_.Uri());
  const std::string role = "old_" + schema_.name();
  schema_.Run(StrCat("CREATE ROLE ", role, " LOGIN; GRANT USAGE ON SCHEMA ", schema_.name(), " TO ",
                     role, "; GRANT SELECT, INSERT, UPDATE, DELETE ON ", schema_.name(),
                     ".millrace_objects TO ", role, "; GRANT SELECT ON ", schema_.name(),
                     ".millrace_schema_version, ", schema_.name(), ".test_clock TO ", role));
  {
    const std::unique_ptr<Ledger> ledger =
        MustOpen(schema_.Uri(StrCat("postgres://", role, "@/postgres?host=", SocketFolder())));
    absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
    ASSERT_TRUE(claim.ok()) << claim.status();
    EXPECT_TRUE(ledger->Store(claim->entry, kLease, {}).ok());
    Intent intent = IntentOf(claim->entry);
    EXPECT_TRUE(absl::IsPermissionDenied(ledger->intents().Announce(intent, kLease, {})));
  }
  schema_.Run(StrCat("DROP OWNED BY ", role, "; DROP ROLE ", role));
}

// As after a failover: the server that was the primary is read-only, until another replaces it.
TEST_F(PostgresLedgerTest, AReadOnlyServerIsRetriedOverANewConnection) {
  const std::unique_ptr<Ledger> ledger = MustOpen(schema_.Uri());
  absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  schema_.Run("SET default_transaction_read_only = off");  // here, whatever the role has
  schema_.Run("ALTER ROLE tester SET default_transaction_read_only = on");
  EndConnections();
  const absl::Status status = ledger->Store(claim->entry, kLease, {});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(ledger->Release(claim->entry, {})));
  schema_.Run("ALTER ROLE tester RESET default_transaction_read_only");
  EXPECT_TRUE(ledger->Store(claim->entry, kLease, {}).ok()) << "only new connections may write";
}

TEST_F(PostgresLedgerTest, SameContentFromAnOldRevisionIsNotMistakenForALostResponse) {
  const std::unique_ptr<Ledger> ledger = MustOpen(schema_.Uri());
  LedgerEntry first = ledger->ClaimObject({Key(), "one", 1, kLease}, {})->entry;
  ASSERT_TRUE(ledger->ClaimObject({Key(), "one", 1, kLease}, {}).ok());
  EXPECT_TRUE(absl::IsAborted(ledger->Store(first, kLease, {})));
}

TEST_F(PostgresLedgerTest, AMissingServerIsUnavailable) {
  const absl::Status status = OpenPostgresLedger("postgres://x:secret@127.0.0.1:1/db", {}).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())),
              AllOf(HasSubstr("127.0.0.1:1"), Not(HasSubstr("secret"))));
}

TEST_F(PostgresLedgerTest, PermanentErrorsAreNamed) {
  const std::string folder = SocketFolder();
  const absl::Status database =
      OpenPostgresLedger(StrCat("postgres://tester@/nowhere?host=", folder), {}).status();
  EXPECT_TRUE(absl::IsNotFound(database)) << database;
  const absl::Status role =
      OpenPostgresLedger(StrCat("postgres://stranger@/postgres?host=", folder), {}).status();
  EXPECT_TRUE(absl::IsUnauthenticated(role)) << role;
  const absl::Status uri = OpenPostgresLedger("postgres://u:sec%ret@h/d?nonsense=1", {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(uri)) << uri;
  EXPECT_THAT(std::string(ToStd(uri.message())), Not(HasSubstr("ret@")));
}

TEST_F(PostgresLedgerTest, ARoleWithoutRightsGetsAdvice) {
  schema_.Run(StrCat("CREATE ROLE weak_", schema_.name(), " LOGIN; GRANT USAGE ON SCHEMA ",
                     schema_.name(), " TO weak_", schema_.name()));
  const absl::Status status =
      OpenPostgresLedger(schema_.Uri(StrCat("postgres://weak_", schema_.name(),
                                            "@/postgres?host=", SocketFolder())),
                         {})
          .status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("making the ledger's tables"));
  schema_.Run(StrCat("REVOKE ALL ON SCHEMA ", schema_.name(), " FROM weak_", schema_.name(),
                     "; DROP ROLE weak_", schema_.name()));
}

TEST_F(PostgresLedgerTest, ANewerFormatIsRefused) {
  MustOpen(schema_.Uri());
  schema_.Run(StrCat("UPDATE ", schema_.name(), ".millrace_schema_version SET version = 99"));
  const absl::Status status = OpenPostgresLedger(schema_.Uri(), {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("newer Millrace"));
}

TEST_F(PostgresLedgerTest, TextThatIsNotUtf8) {
  const std::unique_ptr<Ledger> ledger = MustOpen(schema_.Uri());
  EXPECT_TRUE(absl::IsInvalidArgument(
      ledger->ClaimObject({Key("/data/caf\xE9"), "one", 1, kLease}, {}).status()));
  LedgerEntry entry = ledger->ClaimObject({Key(), "one", 1, kLease}, {})->entry;
  entry.last_error = std::string("row 1: \xE9 \0", 10);
  EXPECT_TRUE(ledger->Store(entry, kLease, {}).ok()) << "a message must not stop a run";
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (millrace::ServerUri().empty()) {
    puts("skipped: MILLRACE_TEST_POSTGRES names no server");
    return 77;
  }
  return RUN_ALL_TESTS();
}
