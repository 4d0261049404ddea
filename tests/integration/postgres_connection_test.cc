// Statements that take long, against a server.
#include <gtest/gtest.h>

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "postgres_client/connection.h"
#include "postgres_schema.h"

namespace millrace::postgres {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  // Of sessions that execute a statement with `marker` in it.
  int64_t Active(std::string_view marker) {
    return schema_.Number(
        StrCat("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND "
               "pid <> pg_backend_pid() AND query LIKE '%",
               marker, "%'"));
  }
  // False if it does not become `wanted` in time.
  bool Await(const std::function<bool()>& wanted) {
    const absl::Duration end = Clock::Real().Elapsed() + absl::Seconds(30);
    while (!wanted()) {
      if (Clock::Real().Elapsed() > end) return false;
    }
    return true;
  }

  Schema schema_;
  Connection connection_{*Address::Parse(ServerUri())};
};

constexpr char kSleep[] = "COPY (SELECT 'sleeper', pg_sleep(300)) TO STDOUT";

absl::Status IgnoreRow(std::string_view) { return absl::OkStatus(); }

// The server sends nothing at all before the first rows.
TEST_F(ConnectionTest, CopyOutWaitsForTheFirstRowAsLongAsItMay) {
  EXPECT_TRUE(
      absl::IsUnavailable(connection_.CopyOut(kSleep, IgnoreRow, {}, absl::Milliseconds(100))));
  EXPECT_FALSE(connection_.is_connected());
}

TEST_F(ConnectionTest, GivingUpEndsTheStatement) {
  ASSERT_TRUE(
      absl::IsUnavailable(connection_.CopyOut(kSleep, IgnoreRow, {}, absl::Milliseconds(100))));
  EXPECT_TRUE(Await([&] { return Active("sleeper") == 0; }));
}

TEST_F(ConnectionTest, AStopEndsTheStatement) {
  std::stop_source stop;
  absl::Status status;
  std::thread reader([&] { status = connection_.CopyOut(kSleep, IgnoreRow, stop.get_token()); });
  EXPECT_TRUE(Await([&] { return Active("sleeper") == 1; }));
  stop.request_stop();
  reader.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_TRUE(Await([&] { return Active("sleeper") == 0; }));
}

TEST_F(ConnectionTest, AnErrorOfTheCallerEndsTheStatement) {
  const absl::Status status = connection_.CopyOut(
      "COPY (SELECT repeat('sleeper', 1000) FROM generate_series(1, 2) UNION ALL "
      "SELECT pg_sleep(300)::text) TO STDOUT",
      [](std::string_view) { return absl::DataLossError("odd"); }, {});
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(Await([&] { return Active("sleeper") == 0; }));
}

// Its outcome would change: this one waits for a lock in the COMMIT, and longer than a stop does.
TEST_F(ConnectionTest, ACommitIsNotCancelled) {
  const std::string table = StrCat(schema_.name(), ".t");
  Connection owner(*Address::Parse(ServerUri()));
  ASSERT_TRUE(
      owner
          .Query(StrCat("CREATE TABLE ", table, " (a int); CREATE FUNCTION ", schema_.name(),
                        ".wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM "
                        "pg_advisory_xact_lock(77); RETURN NULL; END'; CREATE CONSTRAINT "
                        "TRIGGER wait AFTER INSERT ON ",
                        table, " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ",
                        schema_.name(), ".wait(); SELECT pg_advisory_lock(77)"),
                 {})
          .ok());
  ASSERT_TRUE(connection_.Query(StrCat("BEGIN; INSERT INTO ", table, " VALUES (1)"), {}).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(connection_.Commit(stop.get_token())));
  EXPECT_EQ(Active("COMMIT"), 1);
  ASSERT_TRUE(owner.Query("SELECT pg_advisory_unlock(77)", {}).ok());
  EXPECT_TRUE(Await([&] { return schema_.Number("SELECT count(*) FROM $.t") == 1; }));
}

}  // namespace
}  // namespace millrace::postgres

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }
