// The contracts of sinks and cursors, kept by Redshift through the Data API and a connection,
// against the front of PostgreSQL (redshift_front.py) and that server itself.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/strings.h"
#include "connectors/redshift/redshift_destination.h"
#include "cutting_proxy.h"
#include "net/http_client.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"
#include "postgres_schema.h"

namespace millrace {
namespace {

enum class Transport { kDataApi, kConnection };
// How a bad row is refused: before it is sent, or by the server.
enum class Refusal { kNul, kServer };

std::optional<std::string> Variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Tells the front what becomes of the next request of statements.
void OrderFault(std::string_view kind) {
  const std::string order = StrCat("{\"faults\":[[\"Rows\",\"", kind, "\"]]}");
  const std::string url = StrCat(Variable("MILLRACE_TEST_REDSHIFT").value_or(""), "/control");
  HttpRequest request{.method = "POST", .url = url, .body = order};
  const auto response = NewCurlHttpClient()->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->status, 200);
}

template <Transport kTransport, Refusal kRefusal>
class RedshiftFixture final : public SinkFixture {
 public:
  RedshiftFixture() : folder_(TempFolder()), proxy_(folder_, SocketFolder() + "/.s.PGSQL.5432") {
    const std::string head = kTransport == Transport::kDataApi ? "redshift://work/dev/"
                                                               : "redshift://tester@db:5439/dev/";
    std::string uri = StrCat(head, schema_.name(), "?table=events");
    if (kTransport == Transport::kConnection) {
      StrAppend(&uri, "&sslmode=disable&port=5432&host=", folder_);
    }
    auto opened = OpenRedshiftDestination(uri, Variable, Clock::Real());
    EXPECT_TRUE(opened.ok()) << opened.status();
    destination_ = *std::move(opened);
    const absl::Status created = destination_->Create({});
    EXPECT_TRUE(created.ok()) << created;
    schema_.Run(
        "CREATE TABLE $.reasons (reason text); "
        "CREATE FUNCTION $.refuse() RETURNS trigger LANGUAGE plpgsql AS 'DECLARE why text; BEGIN "
        "SELECT reason INTO why FROM $.reasons; IF FOUND THEN RAISE check_violation USING "
        "MESSAGE = ''invalid input syntax: '' || why; END IF; RETURN NULL; END'; "
        "CREATE TRIGGER refuse BEFORE INSERT ON $.events FOR EACH STATEMENT "
        "EXECUTE FUNCTION $.refuse()");
    schema_.Run("ALTER TABLE $.events ADD CONSTRAINT is_good CHECK (distinct_id <> 'bad')");
  }
  ~RedshiftFixture() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Sink> NewSink() override { return destination_->NewSink(RecordType::kEvent); }
  DeliveryCursor* cursor() override { return destination_->cursor(RecordType::kEvent); }
  std::string GoodRow(int n) override { return Event(n, R"(it's \\\" a \\user)"); }
  std::string BadRow(int n) override {
    return Event(n, kRefusal == Refusal::kNul ? "\\u0000" : "bad");
  }
  int Arrived(int n) override {
    return static_cast<int>(
        schema_.Number(StrCat("SELECT count(*) FROM $.events WHERE properties->>'n' = '", n,
                              "' AND distinct_id = ", R"(E'it''s \\" a \\user')")));
  }
  bool FailNextWrite(bool with_effect) override {
    if (kTransport == Transport::kDataApi) {
      OrderFault(with_effect ? "fail_after" : "fail_before");
    } else {
      proxy_.CutAfter("_delivered\" (object_key", with_effect);
    }
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

template <Transport kTransport, Refusal kRefusal>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<RedshiftFixture<kTransport, kRefusal>>();
}

const auto kFixtures = testing::Values(
    Make<Transport::kDataApi, Refusal::kNul>, Make<Transport::kDataApi, Refusal::kServer>,
    Make<Transport::kConnection, Refusal::kNul>, Make<Transport::kConnection, Refusal::kServer>);
INSTANTIATE_TEST_SUITE_P(Redshift, SinkContract, kFixtures);
INSTANTIATE_TEST_SUITE_P(Redshift, CursorContract, kFixtures);

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) { return millrace::RunPostgresTests(argc, argv); }
