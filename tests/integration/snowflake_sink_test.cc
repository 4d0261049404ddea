// The contracts of sinks and cursors, kept by Snowflake's SQL API; the server is
// snowflake_server.py.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "connectors/snowflake/snowflake_destination.h"
#include "connectors/snowflake/sql_client.h"
#include "net/http_client.h"
#include "pipeline/testing/cursor_contract.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace {
namespace {

std::optional<std::string> Variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string ServerUrl() { return Variable("MILLRACE_TEST_SNOWFLAKE").value_or(""); }

int NextSchema() {
  static std::atomic<int> made{0};
  return ++made;
}

// How a bad row is refused.
enum class Refusal { kDialect, kServer };

// A schema of its own. Waits take no time.
template <Refusal kRefusal>
class SnowflakeFixture final : public SinkFixture {
 public:
  SnowflakeFixture() {
    const std::string uri = StrCat("snowflake://org-acct/tests/s", NextSchema(),
                                   "?method=sql&role=loader&warehouse=wh&url=", ServerUrl());
    auto opened = OpenSnowflakeDestination(uri, Variable, clock_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    destination_ = *std::move(opened);
    spec_ = *snowflake::SnowflakeSpec::Parse(uri, Variable);
    sign_in_ = *snowflake::NewSignIn(spec_, Variable, clock_);
    const absl::Status created = destination_->Create({});
    EXPECT_TRUE(created.ok()) << created;
    Tell("");
  }

  std::unique_ptr<Sink> NewSink() override { return destination_->NewSink(RecordType::kEvent); }
  DeliveryCursor* cursor() override { return destination_->cursor(RecordType::kEvent); }
  std::string GoodRow(int n) override { return Event(n, "good"); }
  std::string BadRow(int n) override {
    return Event(n, kRefusal == Refusal::kDialect ? "\\u0000" : "bad_row");
  }
  int Arrived(int n) override {
    snowflake::AccountClient account(spec_.url, sign_in_, NewCurlHttpClient(), clock_);
    snowflake::SqlClient client(spec_, account);
    const auto result = client.Execute(
        {.text = StrCat("SELECT COUNT(*) FROM EVENTS WHERE PROPERTIES:n::NUMBER(38,0) = ", n)}, {});
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? std::stoi(result->rows.at(0).at(0).value_or("-1")) : -1;
  }
  bool FailNextWrite(bool with_effect) override {
    Tell(with_effect ? "?lose=after" : "?lose=before");
    return true;
  }
  void RefuseAll(const std::string& reason) override {
    Tell(reason.empty() ? "" : StrCat("?reason=", UrlEncode(reason)));
  }

 private:
  static std::string Event(int n, std::string_view user) {
    return StrCat(R"({"event":"it's $$","properties":{"distinct_id":")", user, R"(","n":)", n,
                  R"(,"s":"\\ \" '' $$$"}})");
  }
  static void Tell(const std::string& query) {
    HttpRequest request;
    request.url = StrCat(ServerUrl(), "/test", query);
    const auto response = NewCurlHttpClient()->Send(request, {});
    EXPECT_TRUE(response.ok()) << response.status();
  }

  FakeClock clock_;
  snowflake::SnowflakeSpec spec_;
  snowflake::SignIn sign_in_;
  std::unique_ptr<Destination> destination_;
};

template <Refusal kRefusal>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<SnowflakeFixture<kRefusal>>();
}

const auto kFixtures = testing::Values(Make<Refusal::kDialect>, Make<Refusal::kServer>);
INSTANTIATE_TEST_SUITE_P(Snowflake, SinkContract, kFixtures);
INSTANTIATE_TEST_SUITE_P(Snowflake, CursorContract, kFixtures);

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (millrace::ServerUrl().empty()) {
    puts("skipped: MILLRACE_TEST_SNOWFLAKE names no server");
    return 77;
  }
  return RUN_ALL_TESTS();
}
