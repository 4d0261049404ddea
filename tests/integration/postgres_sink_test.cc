// The contracts of sinks and cursors, kept by PostgreSQL, against a server that refuses rows in
// different ways.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/strings.h"
#include "cutting_proxy.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

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

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }
