// PostgreSQL as a destination, against a server, which MILLRACE_TEST_POSTGRES names
// (postgres_server.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_replace.h"
#include "base/strings.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/postgres_destination.h"
#include "cutting_proxy.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace {
namespace {

using postgres::Address;
using postgres::Connection;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string ServerUri() {
  const char* uri = std::getenv("MILLRACE_TEST_POSTGRES");
  return uri == nullptr ? "" : uri;
}

// The folder of the server's socket.
std::string SocketFolder() { return ServerUri().substr(ServerUri().find("host=") + 5); }

// A schema of its own, and a connection of the server's owner.
class Schema {
 public:
  Schema() : admin_(*Address::Parse(ServerUri())) {
    static std::atomic<int> made{0};
    name_ = StrCat("s", getpid(), "_", ++made);
    Run(StrCat("CREATE SCHEMA ", name_));
  }
  ~Schema() {
    admin_.Rollback();
    Run(StrCat("DROP SCHEMA IF EXISTS ", name_, " CASCADE"));
  }

  const std::string& name() const { return name_; }
  // "$" in the statements is the schema.
  std::string In(std::string_view sql) const {
    return absl::StrReplaceAll(ToAbsl(sql), {{"$", name_}});
  }
  void Run(std::string_view sql) {
    const absl::Status status = admin_.ExecuteAll(In(sql).c_str(), {});
    EXPECT_TRUE(status.ok()) << sql << ": " << status;
  }
  std::string Text(std::string_view sql) {
    const auto rows = admin_.Query(In(sql), {});
    EXPECT_TRUE(rows.ok()) << sql << ": " << rows.status();
    return rows.ok() && rows->size() > 0 ? std::string(rows->Text(0, 0)) : "";
  }
  int Number(std::string_view sql) { return std::atoi(Text(sql).c_str()); }
  void EndConnections() {
    Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'millrace' AND pid <> pg_backend_pid()");
  }

 private:
  Connection admin_;
  std::string name_;
};

std::unique_ptr<Destination> MustOpen(const std::string& uri) {
  absl::StatusOr<std::unique_ptr<Destination>> destination =
      OpenPostgresDestination(uri, Clock::Real());
  EXPECT_TRUE(destination.ok()) << destination.status();
  return destination.ok() ? *std::move(destination) : nullptr;
}

std::string Event(int n, std::string_view user = "good") {
  return StrCat(R"({"event":"e","properties":{"time":1796008365,"distinct_id":")", user,
                R"(","n":)", n, "}}");
}

std::string TempFolder() {
  std::string folder = testing::TempDir() + "mrproxy_XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  return folder;
}

// How the server refuses a bad row.
enum class Refusal { kCheck, kNul, kForeignKey, kRawCheck, kPartitionedTrigger };

template <Refusal kRefusal>
class PostgresFixture final : public SinkFixture {
 public:
  PostgresFixture() : folder_(TempFolder()), proxy_(folder_, SocketFolder() + "/.s.PGSQL.5432") {
    std::string uri = StrCat("postgres://tester@/postgres?host=", folder_,
                             "&schema=", schema_.name(), "&table=events");
    if (kRefusal == Refusal::kRawCheck) uri += "&form=raw";
    if (kRefusal == Refusal::kPartitionedTrigger) uri += "&partition=day";
    destination_ = MustOpen(uri);
    const absl::Status created = destination_->Create({});
    EXPECT_TRUE(created.ok()) << created;
    switch (kRefusal) {
      case Refusal::kCheck:
        schema_.Run("ALTER TABLE $.events ADD CONSTRAINT is_good CHECK (distinct_id <> 'bad')");
        break;
      case Refusal::kNul:
        break;
      case Refusal::kForeignKey:
        schema_.Run(
            "CREATE TABLE $.users (id text PRIMARY KEY); INSERT INTO $.users VALUES ('good'); "
            "ALTER TABLE $.events ADD FOREIGN KEY (distinct_id) REFERENCES $.users "
            "DEFERRABLE INITIALLY DEFERRED");
        break;
      case Refusal::kRawCheck:
        schema_.Run(
            "ALTER TABLE $.events ADD CHECK (record->'properties'->>'distinct_id' <> 'bad')");
        break;
      case Refusal::kPartitionedTrigger:
        schema_.Run(
            "CREATE FUNCTION $.judge() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN IF NEW.distinct_id = ''bad'' THEN RAISE EXCEPTION ''not this one''; END IF; "
            "RETURN NEW; END'; CREATE TRIGGER judge BEFORE INSERT ON $.events FOR EACH ROW "
            "EXECUTE FUNCTION $.judge()");
        break;
    }
    schema_.Run(
        "CREATE TABLE $.reasons (reason text); CREATE FUNCTION $.refuse() RETURNS trigger "
        "LANGUAGE plpgsql AS 'DECLARE why text; BEGIN SELECT reason INTO why FROM $.reasons; "
        "IF FOUND THEN RAISE EXCEPTION ''%'', why; END IF; RETURN NULL; END'; "
        "CREATE TRIGGER refuse BEFORE INSERT ON $.events FOR EACH STATEMENT "
        "EXECUTE FUNCTION $.refuse()");
  }
  ~PostgresFixture() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Sink> NewSink() override { return destination_->NewSink(RecordType::kEvent); }
  DeliveryCursor* cursor() override { return destination_->cursor(RecordType::kEvent); }
  std::string GoodRow(int n) override { return Event(n); }
  std::string BadRow(int n) override {
    return Event(n, kRefusal == Refusal::kNul ? "\\u0000" : "bad");
  }
  int Arrived(int n) override {
    const char* properties = kRefusal == Refusal::kRawCheck ? "record->'properties'" : "properties";
    return schema_.Number(
        StrCat("SELECT count(*) FROM $.events WHERE ", properties, "->>'n' = '", n, "'"));
  }
  bool FailNextWrite(bool with_effect) override {
    proxy_.CutAfter("FOR SHARE", with_effect);
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    schema_.Run("TRUNCATE $.reasons");
    if (!reason.empty()) schema_.Run(StrCat("INSERT INTO $.reasons VALUES ('", reason, "')"));
  }

 private:
  Schema schema_;
  const std::string folder_;
  CuttingProxy proxy_;
  std::unique_ptr<Destination> destination_;
};

template <Refusal kRefusal>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<PostgresFixture<kRefusal>>();
}

const auto kFixtures =
    testing::Values(Make<Refusal::kCheck>, Make<Refusal::kNul>, Make<Refusal::kForeignKey>,
                    Make<Refusal::kRawCheck>, Make<Refusal::kPartitionedTrigger>);
INSTANTIATE_TEST_SUITE_P(Postgres, SinkContract, kFixtures);
INSTANTIATE_TEST_SUITE_P(Postgres, CursorContract, kFixtures);

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
