#include "connectors/snowflake/ingest_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "auth/token_source.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"

namespace millrace::snowflake {
namespace {

using testing::HasSubstr;

// What becomes of a session of the account at `url` that names `host`: its ingest URL, or the
// message. `exchanges` counts the requests for a token.
std::string Ask(std::string_view url, const std::string& host, int& exchanges) {
  FakeClock clock;
  SnowflakeSpec spec;
  spec.url = std::string(url);
  SignIn sign_in{.type = TokenType::kProgrammaticAccess,
                 .tokens = NewFixedTokenSource("secret"),
                 .origin = "SNOWFLAKE_TOKEN"};
  const HttpClientFactory new_http = [&] {
    return std::make_unique<FakeHttpClient>(
        [&](const HttpRequest& request) -> absl::StatusOr<HttpResponse> {
          if (request.url.ends_with("/hostname")) return HttpResponse{.status = 200, .body = host};
          ++exchanges;
          return HttpResponse{.status = 200, .body = "token"};
        });
  };
  IngestSession session(spec, sign_in, new_http, clock);
  const auto access = session.Get({});
  return access.ok() ? access->url : std::string(ToStd(access.status().message()));
}

TEST(IngestSessionTest, TheHostIsOfTheAccountOrOfSnowflake) {
  int exchanges = 0;
  EXPECT_EQ(
      Ask("https://o-a.snowflakecomputing.com", "o_a.ingest.snowflakecomputing.com", exchanges),
      "https://o-a.ingest.snowflakecomputing.com");
  EXPECT_EQ(Ask("https://proxy.corp.example.com", "x.snowflakecomputing.cn", exchanges),
            "https://x.snowflakecomputing.cn");
  EXPECT_EQ(Ask("https://acct.example.com", "acct.ingest.example.com", exchanges),
            "https://acct.ingest.example.com");
  EXPECT_EQ(Ask("http://127.0.0.1:7777", "127.0.0.1", exchanges), "http://127.0.0.1:7777");
  EXPECT_EQ(exchanges, 4);
}

TEST(IngestSessionTest, NoTokenGoesElsewhere) {
  int exchanges = 0;
  for (const auto& [url, host] : std::vector<std::pair<std::string, std::string>>{
           {"https://o-a.snowflakecomputing.com", "evil.example"},
           {"https://o-a.snowflakecomputing.com", "snowflakecomputing.com.evil.example"},
           {"https://o-a.snowflakecomputing.com", "evilsnowflakecomputing.com"},
           {"https://o-a.snowflakecomputing.com", "127.0.0.1"},
           {"https://o-a.snowflakecomputing.com", "localhost:80"},
           {"https://example.com", "evil.com"},
           {"https://10.0.0.1", "9.0.0.1"},
           {"http://127.0.0.1:7777", "10.0.0.1"}}) {
    EXPECT_THAT(Ask(url, host, exchanges), HasSubstr("no token is sent there")) << url << host;
  }
  EXPECT_EQ(exchanges, 0);
}

}  // namespace
}  // namespace millrace::snowflake
