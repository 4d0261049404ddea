// Responses of the warehouses' HTTP APIs, several to a call: whatever they hold, a call ends, and
// no channel is reported that was not asked for.
#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "auth/token_source.h"
#include "base/clock.h"
#include "connectors/bigquery/rest_client.h"
#include "connectors/bigquery/schema_file.h"
#include "connectors/redshift/data_api.h"
#include "connectors/snowflake/account_client.h"
#include "connectors/snowflake/ingest_session.h"
#include "connectors/snowflake/pipe_client.h"
#include "connectors/snowflake/sql_client.h"
#include "net/testing/fake_http_client.h"
#include "require.h"

namespace millrace {
namespace {

constexpr std::array kStatuses = {200, 200, 200, 202, 204, 400, 401, 403, 404, 409, 412, 429, 503};
constexpr int kMaxRequests = 12;

// Answers with the parts of the input in turn, each a byte for the status and a body up to the next
// zero byte, and asks the caller to stop after kMaxRequests.
class Server {
 public:
  explicit Server(std::string_view input) : input_(input), rest_(input) {}

  std::unique_ptr<HttpClient> NewClient() {
    return std::make_unique<FakeHttpClient>([this](const HttpRequest&) { return Answer(); });
  }
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  absl::StatusOr<HttpResponse> Answer() {
    if (++requests_ == kMaxRequests) stop_.request_stop();
    if (rest_.empty()) rest_ = input_;
    if (rest_.empty()) return absl::UnavailableError("no response");
    const size_t status = static_cast<unsigned char>(rest_[0]) % kStatuses.size();
    rest_.remove_prefix(1);
    const std::string_view body = rest_.substr(0, rest_.find('\0'));
    rest_.remove_prefix(body.size() < rest_.size() ? body.size() + 1 : body.size());
    return HttpResponse{.status = kStatuses[status], .body = std::string(body)};
  }

  const std::string_view input_;
  std::string_view rest_;
  int requests_ = 0;
  std::stop_source stop_;
};

void AskBigQuery(std::string_view input) {
  Server server(input);
  bigquery::RestClient client("https://h", NoGoogleCredentials(), server.NewClient());
  (void)client.Send("GET", "p/datasets/d", "", "", server.stop());
}

void AskRedshift(std::string_view input) {
  Server server(input);
  FakeClock clock;
  redshift::RedshiftSpec spec;
  spec.workgroup = "work";
  spec.database = "dev";
  const AwsKeys keys = {.access_key_id = "id", .secret_access_key = "key"};
  redshift::DataApiService service{
      .url = "https://h",
      .region = "eu-west-1",
      .keys = std::make_shared<AwsKeySource>(NewFixedTokenSource(JoinAwsKeys(keys)), "test"),
      .max_result_bytes = 1 << 16};
  const auto session =
      redshift::NewDataApiSession(spec, std::move(service), server.NewClient(), clock);
  (void)session->Execute({"SELECT 1", "SELECT 2"}, 1, server.stop());
}

void AskSnowflake(std::string_view input) {
  Server server(input);
  FakeClock clock;
  const snowflake::SnowflakeSpec spec{.account = "a", .url = "https://h"};
  snowflake::SignIn sign_in{.tokens = NewFixedTokenSource("t"), .origin = "test"};
  snowflake::AccountClient account("https://h", sign_in, server.NewClient(), clock);
  snowflake::SqlClient client(spec, account);
  const auto result = client.Execute({.text = "SELECT 1"}, server.stop());
  if (!result.ok()) return;
  for (const std::string& handle : result->handles) (void)client.Fetch(handle, server.stop());
}

void AskSnowpipe(std::string_view input) {
  Server server(input);
  FakeClock clock;
  Traffic traffic;
  const snowflake::SnowflakeSpec spec{.account = "a", .url = "https://h"};
  snowflake::SignIn sign_in{.tokens = NewFixedTokenSource("t"), .origin = "test"};
  const snowflake::HttpClientFactory new_http = [&] { return server.NewClient(); };
  snowflake::IngestSession session(spec, sign_in, new_http, clock);
  const snowflake::PipeName pipe{.database = "D", .schema = "S", .pipe = "P"};
  snowflake::PipeClient client(pipe, session, server.NewClient(), traffic, clock);
  const auto opened = client.Open("c", true, "", server.stop());
  if (opened.ok()) (void)client.Append("c", opened->continuation, "1", {}, server.stop());
  const auto statuses = client.Statuses({"c", "d"}, server.stop());
  if (statuses.ok()) Require(statuses->size() <= 2);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  millrace::AskBigQuery(input);
  millrace::AskRedshift(input);
  millrace::AskSnowflake(input);
  millrace::AskSnowpipe(input);
  (void)millrace::bigquery::ColumnsOfSchema(input, millrace::RecordType::kEvent);
  return 0;
}
