// The PostgreSQL ledger against a server, which MILLRACE_TEST_POSTGRES names (postgres_server.py).
#include "connectors/postgres/postgres_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "base/strings.h"
#include "cutting_proxy.h"
#include "pipeline/testing/ledger_contract.h"
#include "postgres_client/connection.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

using postgres::Address;
using postgres::Connection;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A schema of its own, in which now() is a clock that the test moves: the search path puts the
// schema before pg_catalog.
class ClockSchema : public Schema {
 public:
  ClockSchema() {
    Run("CREATE TABLE $.test_clock AS SELECT timestamptz '2026-01-02 03:04:05' AS at");
    Run("CREATE FUNCTION $.now() RETURNS timestamptz STABLE LANGUAGE sql AS "
        "'SELECT at FROM $.test_clock'");
  }

  std::string LedgerUri(const std::string& server = ServerUri()) const {
    return StrCat(server, "&options=-csearch_path%3D", name(), ",pg_catalog");
  }
};

std::unique_ptr<Ledger> MustOpenLedger(const std::string& uri) {
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = OpenPostgresLedger(uri, {});
  EXPECT_TRUE(ledger.ok()) << ledger.status();
  return ledger.ok() ? *std::move(ledger) : nullptr;
}

class LockedTable : public HeldUp {
 public:
  explicit LockedTable(const std::string& schema) : locker_(*Address::Parse(ServerUri())) {
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
    return absl::FromUnixMicros(
        schema_.Number("SELECT (extract(epoch FROM at) * 1000000)::bigint FROM $.test_clock"));
  }
  void Advance(absl::Duration duration) override {
    schema_.Run(StrCat("UPDATE $.test_clock SET at = at + interval '",
                       absl::ToInt64Microseconds(duration), " microseconds'"));
  }
  void Reopen() override {
    ledger_ = MustOpenLedger(schema_.LedgerUri());
    other_ = MustOpenLedger(schema_.LedgerUri());
  }
  std::unique_ptr<Ledger> OpenAnother() override { return MustOpenLedger(schema_.LedgerUri()); }
  std::unique_ptr<HeldUp> HoldUp() override {
    return std::make_unique<LockedTable>(schema_.name());
  }

 private:
  ClockSchema schema_;
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
    return static_cast<uint64_t>(schema_.Number("SELECT revision FROM $.millrace_objects"));
  }

  ClockSchema schema_;
};

TEST_F(PostgresLedgerTest, ManyWorkersCreateTheTablesConcurrently) {
  std::vector<std::thread> workers;
  std::atomic<int> opened{0};
  for (int i = 0; i < 8; ++i) {
    workers.emplace_back([&] { opened += MustOpenLedger(schema_.LedgerUri()) != nullptr; });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(opened, 8);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.millrace_schema_version"), 1);
}

class PostgresUpgradeTest : public PostgresLedgerTest, public testing::WithParamInterface<int> {};

// Tables as Millrace created them before it stored the mapping version, before it stored what may
// be sent, and before it announced commits.
TEST_P(PostgresUpgradeTest, AnOlderFormatIsUpgradedAndUsed) {
  ASSERT_TRUE(MustOpenLedger(schema_.LedgerUri())->ClaimObject({Key(), "one", 1, kLease}, {}).ok());
  const std::string of_version_2 = "DROP COLUMN mapping_version, DROP COLUMN config_parts, ";
  const std::string of_version_3 = "DROP COLUMN maybe_sent, ";
  schema_.Run(StrCat("ALTER TABLE $.millrace_objects ", GetParam() < 2 ? of_version_2 : "",
                     GetParam() < 3 ? of_version_3 : "",
                     "DROP COLUMN intent; DROP TABLE $.millrace_intents; "
                     "UPDATE $.millrace_schema_version SET version = ",
                     GetParam()));
  std::vector<std::thread> workers;
  std::atomic<int> opened{0};
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] { opened += MustOpenLedger(schema_.LedgerUri()) != nullptr; });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(opened, 4);
  const std::unique_ptr<Ledger> ledger = MustOpenLedger(schema_.LedgerUri());
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
  const std::unique_ptr<Ledger> ledger = MustOpenLedger(schema_.LedgerUri());
  absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  schema_.EndConnections();
  claim->entry.position.row = 3;
  EXPECT_TRUE(ledger->Store(claim->entry, kLease, {}).ok());
  schema_.EndConnections();
  EXPECT_TRUE(ledger->Release(claim->entry, {}).ok());
}

TEST_F(PostgresLedgerTest, AChangeWithALostResponseIsMadeOnce) {
  const std::string folder = TempFolder();
  {
    CuttingProxy proxy(folder, SocketFolder() + "/.s.PGSQL.5432");
    const std::unique_ptr<Ledger> ledger =
        MustOpenLedger(schema_.LedgerUri(StrCat("postgres://tester@/postgres?host=", folder)));
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
  const std::string folder = TempFolder();
  {
    CuttingProxy proxy(folder, SocketFolder() + "/.s.PGSQL.5432");
    const std::unique_ptr<Ledger> ledger =
        MustOpenLedger(schema_.LedgerUri(StrCat("postgres://tester@/postgres?host=", folder)));
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
      MustOpenLedger(StrCat(schema_.LedgerUri(), "%20-csynchronous_commit%3Doff"));
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
  MustOpenLedger(schema_.LedgerUri());
  const std::string role = "old_" + schema_.name();
  schema_.Run(StrCat("CREATE ROLE ", role, " LOGIN; GRANT USAGE ON SCHEMA $ TO ", role,
                     "; GRANT SELECT, INSERT, UPDATE, DELETE ON $.millrace_objects TO ", role,
                     "; GRANT SELECT ON $.millrace_schema_version, $.test_clock TO ", role));
  {
    const std::unique_ptr<Ledger> ledger = MustOpenLedger(
        schema_.LedgerUri(StrCat("postgres://", role, "@/postgres?host=", SocketFolder())));
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
  const std::unique_ptr<Ledger> ledger = MustOpenLedger(schema_.LedgerUri());
  absl::StatusOr<Ledger::Claim> claim = ledger->ClaimObject({Key(), "one", 1, kLease}, {});
  ASSERT_TRUE(claim.ok()) << claim.status();
  schema_.Run("SET default_transaction_read_only = off");  // here, whatever the role has
  schema_.Run("ALTER ROLE tester SET default_transaction_read_only = on");
  schema_.EndConnections();
  const absl::Status status = ledger->Store(claim->entry, kLease, {});
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::IsUnavailable(ledger->Release(claim->entry, {})));
  schema_.Run("ALTER ROLE tester RESET default_transaction_read_only");
  EXPECT_TRUE(ledger->Store(claim->entry, kLease, {}).ok()) << "only new connections may write";
}

TEST_F(PostgresLedgerTest, SameContentFromAnOldRevisionIsNotMistakenForALostResponse) {
  const std::unique_ptr<Ledger> ledger = MustOpenLedger(schema_.LedgerUri());
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
  schema_.Run("CREATE ROLE weak_$ LOGIN; GRANT USAGE ON SCHEMA $ TO weak_$");
  const absl::Status status =
      OpenPostgresLedger(schema_.LedgerUri(StrCat("postgres://weak_", schema_.name(),
                                                  "@/postgres?host=", SocketFolder())),
                         {})
          .status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("making the ledger's tables"));
  schema_.Run("REVOKE ALL ON SCHEMA $ FROM weak_$; DROP ROLE weak_$");
}

TEST_F(PostgresLedgerTest, ANewerFormatIsRefused) {
  MustOpenLedger(schema_.LedgerUri());
  schema_.Run("UPDATE $.millrace_schema_version SET version = 99");
  const absl::Status status = OpenPostgresLedger(schema_.LedgerUri(), {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(ToStd(status.message())), HasSubstr("newer Millrace"));
}

TEST_F(PostgresLedgerTest, TextThatIsNotUtf8) {
  const std::unique_ptr<Ledger> ledger = MustOpenLedger(schema_.LedgerUri());
  EXPECT_TRUE(absl::IsInvalidArgument(
      ledger->ClaimObject({Key("/data/caf\xE9"), "one", 1, kLease}, {}).status()));
  LedgerEntry entry = ledger->ClaimObject({Key(), "one", 1, kLease}, {})->entry;
  entry.last_error = std::string("row 1: \xE9 \0", 10);
  EXPECT_TRUE(ledger->Store(entry, kLease, {}).ok()) << "a message must not stop a run";
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }
