// What the sink into PostgreSQL does when the connection, the server or the table fails it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cutting_proxy.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/sink.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PostgresFaultsTest : public testing::Test {
 protected:
  PostgresFaultsTest() { Open("table=events"); }

  void Open(std::string_view query, const std::string& server = ServerUri()) {
    sink_.reset();
    destination_ = MustOpen(schema_.Uri(query, server));
    sink_ = destination_->NewSink(RecordType::kEvent);
    object_.destination = destination_->LedgerName(RecordType::kEvent);
  }
  DeliveryCursor& cursor() { return *destination_->cursor(RecordType::kEvent); }
  RowRanges Claim(const std::string& writer) {
    const absl::StatusOr<RowRanges> rows = cursor().Claim(object_, writer, {});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? *rows : RowRanges();
  }
  // The number of rows that a claim returns, which are the first ones.
  uint64_t RowsClaimed(const std::string& writer) {
    const RowRanges rows = Claim(writer);
    EXPECT_LE(rows.size(), 1u);
    return rows.empty() ? 0 : rows.begin()->second;
  }
  // Records, the first of which is source row `first` of the object, by `writer_`.
  WriteResult Write(const std::vector<std::string>& records, uint64_t first = 0,
                    std::stop_token stop = {}) {
    Batch batch;
    for (const std::string& record : records) {
      batch.bytes.Append(record);
      batch.EndRow(first + batch.rows());
    }
    const BatchSpan span{.object = &object_,
                         .writer = &writer_,
                         .rows = batch.rows(),
                         .begin_row = first,
                         .end_row = first + batch.rows()};
    return sink_->Write(batch, {&span, 1}, std::move(stop));
  }
  void MustWrite(const std::vector<std::string>& records, uint64_t first = 0) {
    const WriteResult result = Write(records, first);
    EXPECT_TRUE(result.durable()) << result.status();
    EXPECT_THAT(result.refused(), IsEmpty());
  }
  static std::string Message(const WriteResult& result) {
    return std::string(ToStd(result.status().message()));
  }
  static std::vector<size_t> RefusedRows(const WriteResult& result) {
    std::vector<size_t> rows;
    for (const RefusedRow& row : result.refused()) rows.push_back(row.row);
    return rows;
  }
  int Rows() { return schema_.Number("SELECT count(*) FROM $.events"); }
  // Until a session waits for a lock that another one has.
  void AwaitLockWait() {
    while (schema_.Number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
    }
  }

  Schema schema_;
  std::unique_ptr<Destination> destination_;
  std::unique_ptr<Sink> sink_;
  LedgerKey object_{.object = "gs://b/k", .version = "1", .config = "c"};
  std::string writer_ = "writer/1";
};

class PostgresProxyTest : public PostgresFaultsTest {
 protected:
  PostgresProxyTest() : proxy_(folder_, SocketFolder() + "/.s.PGSQL.5432") {
    Open("table=events", StrCat("postgres://tester@/postgres?host=", folder_));
  }
  ~PostgresProxyTest() override {
    sink_.reset();
    destination_.reset();
    std::filesystem::remove_all(folder_);
  }

  const std::string folder_ = TempFolder();
  CuttingProxy proxy_;
};

// A retry that copied first would find its own rows and take them for somebody else's.
TEST_F(PostgresProxyTest, ALostAnswerIsFoundBeforeRowsAreCopiedAgain) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("CREATE UNIQUE INDEX once ON $.events ((properties->>'n'))");
  proxy_.CutAfter("FOR SHARE", /*with_effect=*/true);
  const std::vector<std::string> records = {Event(1), Event(0), Event(2)};
  const WriteResult lost = Write(records, 1);
  EXPECT_TRUE(lost.retryable()) << lost.status();
  EXPECT_EQ(Rows(), 3) << "it was committed";
  const WriteResult again = Write(records, 1);
  ASSERT_TRUE(again.durable()) << again.status();
  EXPECT_THAT(RefusedRows(again), ElementsAre(1));
  EXPECT_EQ(again.refused()[0].field, "once");
  EXPECT_EQ(Rows(), 3);
}

// The server has not seen the COMMIT when the retry begins; then it arrives.
TEST_F(PostgresProxyTest, ARetryWaitsForACommitThatIsStillOnItsWay) {
  Claim(writer_);
  MustWrite({Event(0)});
  proxy_.HoldAfter("FOR SHARE");
  EXPECT_TRUE(Write({Event(1)}, 1).retryable());
  std::thread retry([&] {
    const WriteResult again = Write({Event(1)}, 1);
    EXPECT_TRUE(again.durable()) << again.status();
  });
  AwaitLockWait();
  EXPECT_EQ(Rows(), 1);
  proxy_.Release();
  retry.join();
  EXPECT_EQ(Rows(), 2) << "once";
}

TEST_F(PostgresProxyTest, ACommitThatNeverCameIsMadeAgain) {
  Claim(writer_);
  MustWrite({Event(0)});
  proxy_.CutAfter("FOR SHARE", /*with_effect=*/false);
  EXPECT_TRUE(Write({Event(1)}, 1).retryable());
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(Rows(), 2);
}

// As a process that is stopped by SIGSTOP between two statements.
TEST_F(PostgresProxyTest, AFrozenWriterHoldsUpAClaimForALimitedTime) {
  Claim(writer_);
  MustWrite({Event(0)});
  Open("table=events", StrCat("postgres://tester@/postgres?host=", folder_,
                              "&options=-cidle_in_transaction_session_timeout%3D200ms"));
  proxy_.HoldAfter("FOR SHARE");
  EXPECT_TRUE(Write({Event(1)}, 1).retryable());
  EXPECT_EQ(RowsClaimed("writer/2"), 1u) << "the server has ended the frozen session";
  proxy_.Release();
  EXPECT_EQ(Rows(), 1);
}

// No timeout of the server ends a COPY that waits for its data. The sink itself continues at once
// over a new connection, as the old one might have been closed while it was idle.
TEST_F(PostgresProxyTest, AWriterThatFreezesInItsCopyHoldsUpNoClaim) {
  Claim(writer_);
  MustWrite({Event(0)});
  proxy_.HoldAfter("COPY ");
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
                           "query LIKE '%COPY%' AND pid <> pg_backend_pid()"),
            1);
  EXPECT_EQ(RowsClaimed("writer/2"), 2u);
  EXPECT_THAT(Write({Event(2)}, 2).fenced(), ElementsAre(0));
  proxy_.Release();
  EXPECT_EQ(Rows(), 2);
}

TEST_F(PostgresFaultsTest, AnIdleConnectionThatWasClosedIsNoFailure) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.EndConnections();
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(Rows(), 2);
  schema_.EndConnections();
  EXPECT_EQ(RowsClaimed("writer/2"), 2u);
}

TEST_F(PostgresFaultsTest, FewBadRowsCostFewStatements) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("ALTER TABLE $.events ADD CHECK (distinct_id <> 'bad')");
  std::vector<std::string> records;
  for (int n = 0; n < 10'000; ++n) records.push_back(Event(n, n % 1000 == 500 ? "bad" : "good"));
  const uint64_t before = destination_->traffic().requests;
  const WriteResult result = Write(records, 1);
  ASSERT_TRUE(result.durable()) << result.status();
  EXPECT_EQ(result.refused().size(), 10u);
  EXPECT_EQ(Rows(), 1 + 9'990);
  const uint64_t statements = destination_->traffic().requests - before;
  RecordProperty("statements", static_cast<int>(statements));
  EXPECT_LE(statements, 31u);
}

TEST_F(PostgresFaultsTest, ManyWritesLeaveFewRanges) {
  Claim(writer_);
  for (uint64_t n = 0; n < 400; ++n) MustWrite({Event(static_cast<int>(n))}, n);
  EXPECT_LT(schema_.Number("SELECT count(*) FROM $.millrace_delivered"), 140);
  EXPECT_EQ(RowsClaimed("writer/2"), 400u);
  EXPECT_EQ(schema_.Number("SELECT count(*) FROM $.millrace_delivered"), 1);
}

TEST_F(PostgresFaultsTest, WithoutSpansRowsAreCopiedEachTime) {
  Batch batch;
  batch.bytes.Append(Event(0));
  batch.EndRow(0);
  for (int times = 0; times < 2; ++times) EXPECT_TRUE(sink_->Write(batch, {}, {}).durable());
  EXPECT_EQ(Rows(), 2);
}

TEST_F(PostgresFaultsTest, ATableThatIsDroppedStopsTheRun) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("DROP TABLE $.events");
  const WriteResult result = Write({Event(1)}, 1);
  EXPECT_FALSE(result.durable());
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("does not exist"), HasSubstr("destinations create"),
                                     HasSubstr("--force")));
}

TEST_F(PostgresFaultsTest, AColumnThatIsDroppedStopsTheRun) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("ALTER TABLE $.events DROP COLUMN token");
  const WriteResult result = Write({Event(1)}, 1);
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("token"), HasSubstr("destinations check")));
  EXPECT_EQ(Rows(), 1);
}

// The text format of COPY takes what the new type takes. Once a row is refused, the run stops: the
// type is to blame, not the rows.
TEST_F(PostgresFaultsTest, ATypeThatIsChangedStopsTheRunAtTheFirstRowThatItDoesNotTake) {
  Claim(writer_);
  MustWrite({Event(0, "7")});
  schema_.Run("ALTER TABLE $.events ALTER COLUMN distinct_id TYPE bigint USING 7");
  const WriteResult result = Write({Event(1, "8"), Event(2, "nobody"), Event(3, "9")}, 1);
  EXPECT_FALSE(result.durable());
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("distinct_id"), HasSubstr("bigint")));
  EXPECT_EQ(schema_.Text("SELECT string_agg(distinct_id::text, ',') FROM $.events"), "7");
}

TEST_F(PostgresFaultsTest, AColumnThatNobodyFillsStopsTheRun) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("DELETE FROM $.events; ALTER TABLE $.events ADD COLUMN mine int NOT NULL");
  for (int run = 0; run < 2; ++run) {  // a new one sees it before it writes
    const WriteResult result = Write({Event(1)}, 1);
    EXPECT_FALSE(result.durable());
    EXPECT_FALSE(result.retryable());
    EXPECT_THAT(Message(result), AllOf(HasSubstr("mine"), HasSubstr("DROP NOT NULL")));
    Open("table=events");
  }
}

TEST_F(PostgresFaultsTest, APermissionThatIsRevokedStopsTheRun) {
  schema_.Run("CREATE ROLE r$ LOGIN; GRANT CREATE, USAGE ON SCHEMA $ TO r$");
  Open("table=events", StrCat("postgres://r", schema_.name(), "@/postgres?host=", SocketFolder()));
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("ALTER TABLE $.events OWNER TO tester");
  const WriteResult result = Write({Event(1)}, 1);
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("permission denied"), HasSubstr("GRANT")));
  schema_.Run("DROP OWNED BY r$; DROP ROLE r$");
}

TEST_F(PostgresFaultsTest, AReadOnlyServerIsRetriedOverANewConnection) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("SET default_transaction_read_only = off");
  schema_.Run("ALTER ROLE tester SET default_transaction_read_only = on");
  schema_.EndConnections();
  const WriteResult result = Write({Event(1)}, 1);
  EXPECT_TRUE(result.retryable()) << result.status();
  EXPECT_FALSE(result.throttled());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("read-only"), HasSubstr("target_session_attrs")));
  EXPECT_TRUE(absl::IsUnavailable(cursor().Claim(object_, "writer/2", {}).status()));
  schema_.Run("ALTER ROLE tester RESET default_transaction_read_only");
  MustWrite({Event(1)}, 1);
}

TEST_F(PostgresFaultsTest, ALockedTableIsRetried) {
  Open("table=events", ServerUri() + "&options=-clock_timeout%3D50ms");
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("BEGIN; LOCK TABLE $.events");
  const WriteResult result = Write({Event(1)}, 1);
  EXPECT_TRUE(result.retryable());
  EXPECT_THAT(Message(result), HasSubstr("lock timeout"));
  schema_.Run("ROLLBACK");
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(Rows(), 2);
}

TEST_F(PostgresFaultsTest, AStopEndsAWriteThatWaits) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run("BEGIN; LOCK TABLE $.events");
  std::stop_source stop;
  std::thread stopper([&] {
    AwaitLockWait();
    stop.request_stop();
  });
  const WriteResult result = Write({Event(1)}, 1, stop.get_token());
  stopper.join();
  EXPECT_TRUE(result.retryable());
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  schema_.Run("ROLLBACK");
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(Rows(), 2);
}

// Of the transaction, whatever the role has: a server that confirms commits early would lose rows
// that the ledger has passed.
TEST_F(PostgresFaultsTest, TransactionsHaveLimitsAndAreDurable) {
  Claim(writer_);
  MustWrite({Event(0)});
  schema_.Run(
      "CREATE TABLE $.seen (name text, setting text); CREATE FUNCTION $.look() RETURNS trigger "
      "LANGUAGE plpgsql AS 'BEGIN INSERT INTO $.seen SELECT name, current_setting(name) FROM "
      "unnest(array[''lock_timeout'', ''idle_in_transaction_session_timeout'', "
      "''statement_timeout'', ''synchronous_commit'']) AS name; RETURN NULL; END'; "
      "CREATE TRIGGER look AFTER INSERT ON $.events FOR EACH STATEMENT EXECUTE FUNCTION $.look()");
  const char* seen = "SELECT string_agg(setting, ' ' ORDER BY name) FROM $.seen";
  Open("table=events", ServerUri() + "&options=-csynchronous_commit%3Doff");
  MustWrite({Event(1)}, 1);
  EXPECT_EQ(schema_.Text(seen), "1min 30s 5min on");
  schema_.Run("TRUNCATE $.seen");
  Open("table=events",
       ServerUri() + "&options=-csynchronous_commit%3Dlocal%20-cstatement_timeout%3D1h");
  MustWrite({Event(2)}, 2);
  EXPECT_EQ(schema_.Text(seen), "1min 30s 1h local") << "other settings are kept";
}

// A disk of 1 MB, in memory, that belongs to the server; `mounted` is false if this process may not
// mount one.
class SmallDisk {
 public:
  SmallDisk() : folder_(SocketFolder() + "/small") {
    struct stat owner {};
    EXPECT_EQ(stat((SocketFolder() + "/data").c_str(), &owner), 0);
    std::filesystem::create_directory(folder_);
    mounted_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!mounted_) return;
    EXPECT_EQ(chown(folder_.c_str(), owner.st_uid, owner.st_gid), 0);
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  const std::string& folder() const { return folder_; }
  bool mounted() const { return mounted_; }

 private:
  const std::string folder_;
  bool mounted_ = false;
};

TEST_F(PostgresFaultsTest, AFullDiskIsRetriedAtALowerRate) {
  Claim(writer_);
  MustWrite({Event(0)});
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no file system can be mounted here";
  schema_.Run(StrCat("CREATE TABLESPACE small LOCATION '", disk.folder(), "'"));
  schema_.Run("ALTER TABLE $.events SET TABLESPACE small");
  std::vector<std::string> records;
  for (int n = 0; n < 20'000; ++n) records.push_back(Event(n, StrCat("user ", n)));
  const WriteResult result = Write(records, 1);
  EXPECT_TRUE(result.retryable());
  EXPECT_TRUE(result.throttled());
  EXPECT_THAT(Message(result), HasSubstr("disk is full"));
  schema_.Run("ALTER TABLE $.events SET TABLESPACE pg_default");
  MustWrite(records, 1);
  EXPECT_EQ(Rows(), 20'001);
  schema_.Run("DROP TABLESPACE small");
}

TEST_F(PostgresFaultsTest, AMissingServerIsRetriedAndNamed) {
  Open("table=events", "postgres://x@127.0.0.1:1/db?connect_timeout=2");
  const WriteResult result = Write({Event(0)});
  EXPECT_TRUE(result.retryable());
  EXPECT_THAT(Message(result), HasSubstr("127.0.0.1:1"));
  Open("table=events", StrCat("postgres://tester@/nowhere?host=", SocketFolder()));
  EXPECT_FALSE(Write({Event(0)}).retryable());
}

// The rows that the cursor knows of were in the table that is gone.
TEST_F(PostgresFaultsTest, ATableThatIsMadeAgainGetsItsRowsAgain) {
  Claim(writer_);
  MustWrite({Event(1), Event(2)});
  EXPECT_EQ(RowsClaimed(writer_), 2u);
  schema_.Run("DROP TABLE $.events");
  Open("table=events");
  EXPECT_EQ(RowsClaimed(writer_), 0u);
  MustWrite({Event(1), Event(2)});
  EXPECT_EQ(Rows(), 2);
}

TEST_F(PostgresFaultsTest, ATableThatIsMadeAgainLeavesTheRowsOfOthers) {
  schema_.Run("CREATE SCHEMA IF NOT EXISTS $");
  Claim(writer_);
  MustWrite({Event(1)});
  Open("table=more");
  MustWrite({});
  Open("table=events");
  EXPECT_EQ(RowsClaimed(writer_), 1u);
}

// Both find that the table is missing; the slower one must not forget what the other has written.
TEST_F(PostgresFaultsTest, OnlyWhoMakesTheTableForgets) {
  for (int round = 0; round < 20; ++round) {
    const std::string table = StrCat("t", round);
    std::vector<std::thread> threads;
    std::vector<uint64_t> found(4);
    for (size_t i = 0; i < found.size(); ++i) {
      threads.emplace_back([&, i] {
        const std::unique_ptr<Destination> mine = MustOpen(schema_.Uri(StrCat("table=", table)));
        const std::string writer = StrCat("writer/", i);
        LedgerKey object = object_;
        object.object = StrCat("object ", i);
        object.destination = mine->LedgerName(RecordType::kEvent);
        DeliveryCursor& cursor = *mine->cursor(RecordType::kEvent);
        EXPECT_TRUE(cursor.Claim(object, writer, {}).ok());
        Batch batch;
        batch.bytes.Append(Event(static_cast<int>(i)));
        batch.EndRow(0);
        const BatchSpan span{
            .object = &object, .writer = &writer, .rows = 1, .begin_row = 0, .end_row = 1};
        const auto sink = mine->NewSink(RecordType::kEvent);
        EXPECT_TRUE(sink->Write(batch, {&span, 1}, {}).durable());
        const auto rows = cursor.Claim(object, writer, {});
        found[i] = rows.ok() && !rows->empty() ? rows->begin()->second : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(found, testing::Each(1u)) << round;
  }
}

// The server counts what it stored; a row that a trigger left out is not delivered.
TEST_F(PostgresFaultsTest, ATriggerThatLeavesRowsOutStopsTheRun) {
  Claim(writer_);
  MustWrite({Event(1)});
  schema_.Run(
      "CREATE FUNCTION $.skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.distinct_id = "
      "''bad'' THEN RETURN NULL; END IF; RETURN NEW; END'; CREATE TRIGGER skip BEFORE INSERT ON "
      "$.events FOR EACH ROW EXECUTE FUNCTION $.skip()");
  const WriteResult result = Write({Event(2), Event(3, "bad")}, 1);
  EXPECT_FALSE(result.durable());
  EXPECT_FALSE(result.retryable());
  EXPECT_THAT(Message(result), AllOf(HasSubstr("stored 1 of 2 rows"), HasSubstr("trigger")));
  EXPECT_EQ(Rows(), 1) << "all or nothing";
  MustWrite({Event(2)}, 1);
}

}  // namespace
}  // namespace millrace
