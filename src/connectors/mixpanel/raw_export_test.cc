#include "connectors/mixpanel/raw_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_buffer.h"
#include "io/gzip_encoder.h"
#include "net/testing/fake_http_client.h"
#include "net/testing/scripted_server.h"

namespace millrace::mixpanel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExportRawTest : public ::testing::Test {
 protected:
  ExportRawTest() { credentials_.token = "hush"; }

  absl::Status Export(HttpClient& http, const std::string& base, std::stop_token stop = {}) {
    lines_.clear();
    return ExportRaw(
        http, *Endpoints::ForUrl(base), credentials_, "42", request_,
        [this](std::string_view line) {
          lines_.emplace_back(line);
          return on_line_;
        },
        stop);
  }

  absl::Status ExportResponse(HttpResponse response) {
    FakeHttpClient http([&](const HttpRequest& request) {
      url_ = request.url;
      return response;
    });
    return Export(http, "https://data.example");
  }

  Credentials credentials_;
  RawExportRequest request_ = {absl::CivilDay(2024, 1, 5), absl::CivilDay(2024, 1, 6), {}};
  absl::Status on_line_;
  std::vector<std::string> lines_;
  std::string url_;
};

TEST_F(ExportRawTest, AsksForTheDays) {
  EXPECT_TRUE(ExportResponse({.status = 200, .body = "{\"a\":1}\n{\"b\":2}\n"}).ok());
  EXPECT_EQ(url_, "https://data.example/api/2.0/export?from_date=2024-01-05&to_date=2024-01-06");
  EXPECT_THAT(lines_, ElementsAre("{\"a\":1}", "{\"b\":2}"));
}

TEST_F(ExportRawTest, NamesEventsUnitAndProject) {
  credentials_.service_account_user = "u";
  request_.events = {"a b", "c\"d"};
  request_.time_in_ms = true;
  EXPECT_TRUE(ExportResponse({.status = 200}).ok());
  EXPECT_THAT(url_, HasSubstr("&project_id=42"));
  EXPECT_THAT(url_, HasSubstr("&event=%5B%22a%20b%22%2C%22c%5C%22d%22%5D"));
  EXPECT_THAT(url_, HasSubstr("&time_in_ms=true"));
}

TEST_F(ExportRawTest, TellsFailuresApart) {
  const auto code = [&](int status, std::string body = "") {
    return ExportResponse({.status = status, .body = std::move(body)}).code();
  };
  EXPECT_EQ(code(400), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(401), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(code(402), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(403), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(404), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(302), absl::StatusCode::kFailedPrecondition);
  for (const int status : {202, 408, 429, 500, 502, 503, 504}) {
    EXPECT_EQ(code(status), absl::StatusCode::kUnavailable) << status;
  }
  EXPECT_EQ(code(200, "{\"a\":1}\nterminated early\n"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(200, "{\"a\":1}\n{\"b\""), absl::StatusCode::kUnavailable);
}

TEST_F(ExportRawTest, QuotesTheReasonFromJsonOrText) {
  EXPECT_EQ(
      ExportResponse({.status = 400, .body = "to_date cannot be later than today\n"}),
      absl::InvalidArgumentError("reading Mixpanel's export of 2024-01-05 to 2024-01-06: "
                                 "Mixpanel answered 400: to_date cannot be later than today"));
  EXPECT_THAT(std::string(ExportResponse({.status = 429, .body = R"({"error":"slow"})"}).message()),
              HasSubstr("Mixpanel answered 429: slow"));
}

TEST_F(ExportRawTest, EndsWithTheReadersStatus) {
  on_line_ = absl::DataLossError("enough");
  EXPECT_EQ(ExportResponse({.status = 200, .body = "{}\n{}\n"}), on_line_);
  EXPECT_EQ(ExportResponse({.status = 200, .body = "{}"}), on_line_);  // given at the end
}

TEST_F(ExportRawTest, ReadsGzipOverASocketAndSeesACut) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "{\"event\":\"" + std::to_string(i) + "\"}\n";
  GzipEncoder gzip;
  ByteBuffer packed;
  gzip.Encode(body, &packed);
  ScriptedResponse reply =
      ScriptedResponse::Answer(200, packed.view(), {{"Content-Encoding", "gzip"}});
  ScriptedServer server([&](const ScriptedRequest&) { return reply; });
  const auto http = NewCurlHttpClient();
  EXPECT_TRUE(Export(*http, server.url()).ok());
  EXPECT_EQ(lines_.size(), 10'000u);
  EXPECT_EQ(server.requests()[0].header("authorization"), "Basic aHVzaDo=");
  EXPECT_EQ(server.requests()[0].header("accept-encoding"), "gzip");

  reply = std::move(reply).CutAfter(reply.bytes.size() - 10);
  EXPECT_EQ(Export(*http, server.url()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ExportRawTest, SeesGzipThatEndsEarlyInAWholeAnswer) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "{\"event\":\"" + std::to_string(i * 7919) + "\"}\n";
  GzipEncoder gzip;
  ByteBuffer packed;
  gzip.Encode(body, &packed);
  ScriptedServer server([&](const ScriptedRequest&) {
    return ScriptedResponse::Answer(200, packed.view(0, packed.size() / 2),
                                    {{"Content-Encoding", "gzip"}});
  });
  const auto http = NewCurlHttpClient();
  EXPECT_EQ(Export(*http, server.url()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ExportRawTest, StopsWhenAskedTo) {
  std::stop_source stop;
  ScriptedResponse reply = ScriptedResponse::Answer(200, "{}\n");
  reply.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}\n{}\n";
  reply.hang = true;
  ScriptedServer server([&](const ScriptedRequest&) {
    stop.request_stop();
    return reply;
  });
  EXPECT_EQ(Export(*NewCurlHttpClient(), server.url(), stop.get_token()).code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace millrace::mixpanel
