// The libcurl client against a scripted server over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "net/http_client.h"
#include "net/testing/scripted_server.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// "hello, hello, hello, ..." (1,000 times) as gzip.
std::string GzippedHello();

class CurlHttpClientTest : public ::testing::Test {
 protected:
  absl::StatusOr<HttpResponse> Get(const std::string& url, std::stop_token stop = {}) {
    HttpRequest request;
    request.url = url;
    return client_->Send(request, stop);
  }

  std::unique_ptr<HttpClient> client_ = NewCurlHttpClient();
};

ScriptedServer::Script Always(ScriptedResponse reply) {
  return [reply](const ScriptedRequest&) { return reply; };
}

std::string Message(const absl::StatusOr<HttpResponse>& response) {
  return std::string(response.status().message());
}

TEST_F(CurlHttpClientTest, SendsMethodHeadersAndBodyAndReturnsTheAnswer) {
  ScriptedServer server(Always(ScriptedResponse::Answer(418, "short", {{"X-Tea", " pot "}})));
  const std::string body(300'000, 'x');
  HttpRequest request;
  request.method = "PUT";
  request.url = StrCat(server.url(), "/a/b?c=d");
  request.headers = {{"Content-Type", "text/x"}, {"Authorization", "Basic abc"}, {"X-Empty", ""}};
  request.body = body;
  const auto response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "short");
  EXPECT_EQ(response->header("x-tea"), "pot");

  ASSERT_EQ(server.requests().size(), 1u);
  const ScriptedRequest received = server.requests()[0];
  EXPECT_EQ(received.line(), "PUT /a/b?c=d HTTP/1.1");
  EXPECT_EQ(received.header("content-type"), "text/x");
  EXPECT_EQ(received.header("authorization"), "Basic abc");
  EXPECT_THAT(received.head, HasSubstr("X-Empty:"));
  EXPECT_THAT(received.head, Not(HasSubstr("Expect")));
  EXPECT_EQ(received.body, body);
}

TEST_F(CurlHttpClientTest, AddsNoContentTypeOfItsOwn) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "")));
  HttpRequest request;
  request.method = "POST";
  request.url = server.url();
  ASSERT_TRUE(client_->Send(request, {}).ok());
  EXPECT_EQ(server.requests()[0].line(), "POST / HTTP/1.1");
  EXPECT_EQ(server.requests()[0].header("content-length"), "0");
  EXPECT_THAT(server.requests()[0].head, Not(HasSubstr("Content-Type")));
}

// They are names of objects, and signed as they are.
TEST_F(CurlHttpClientTest, LeavesDotsInPathsAlone) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "")));
  for (const char* path : {"/b/a/../c/./d", "/b/..", "/b//.", "/b/%2e%2E/x"}) {
    ASSERT_TRUE(Get(StrCat(server.url(), path)).ok());
    EXPECT_EQ(server.requests().back().line(), StrCat("GET ", path, " HTTP/1.1"));
  }
}

TEST_F(CurlHttpClientTest, KeepsItsConnection) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Get(server.url()).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlHttpClientTest, OpensANewConnectionWhenTheServerHasClosedTheOldOne) {
  ScriptedResponse reply = ScriptedResponse::Answer(200, "ok");
  reply.close = true;
  ScriptedServer server(Always(reply));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Get(server.url()).ok());
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(CurlHttpClientTest, DoesNotFollowRedirects) {
  ScriptedServer server(
      Always(ScriptedResponse::Answer(302, "", {{"Location", "http://127.0.0.1:1/"}})));
  const auto response = Get(server.url());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(CurlHttpClientTest, ForgetsTheHeadersOfInterimAnswers) {
  ScriptedResponse reply = ScriptedResponse::Answer(200, "ok", {{"X-Final", "1"}});
  reply.bytes = StrCat("HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n", reply.bytes);
  ScriptedServer server(Always(reply));
  const auto response = Get(server.url());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->header("x-early"), "");
  EXPECT_EQ(response->header("x-final"), "1");
}

TEST_F(CurlHttpClientTest, TakesAnAnswerThatComesBeforeTheBodyIsSent) {
  ScriptedResponse reply = ScriptedResponse::Answer(413, "too large");
  reply.hang = true;
  ScriptedServer server(Always(reply), {.tls = {}, .answers_before_body = true});
  const std::string body(20 << 20, 'x');
  HttpRequest request;
  request.method = "POST";
  request.url = server.url();
  request.body = body;
  const auto response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 413);
  EXPECT_EQ(response->body, "too large");
}

TEST_F(CurlHttpClientTest, ReportsARefusedConnectionWithAHint) {
  int port = 0;
  { port = ScriptedServer(Always({})).port(); }
  const auto response = Get(StrCat("http://127.0.0.1:", port, "/path?secret=1"));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(response),
            StrCat("127.0.0.1:", port, ": connection refused: is something listening there?"));
}

TEST_F(CurlHttpClientTest, ReportsAnUnknownHost) {
  const auto response = Get("http://no-such-host.invalid/");
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(response), HasSubstr("no-such-host.invalid:80: no such host"));
}

TEST_F(CurlHttpClientTest, RefusesBadUrlsAndHeaders) {
  for (const char* url : {"", "ftp://host/", "file:///etc/passwd", "http://user:pw@127.0.0.1/"}) {
    const auto response = Get(url);
    EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(Message(response), Not(HasSubstr("pw")));
  }
  HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"A", "1\r\nB: 2"}};
  EXPECT_EQ(client_->Send(request, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CurlHttpClientTest, ReportsAnAnswerThatIsCut) {
  const ScriptedResponse whole = ScriptedResponse::Answer(200, "0123456789");
  for (const size_t kept : {size_t{0}, size_t{5}, size_t{20}, whole.bytes.size() - 1}) {
    ScriptedServer server(Always(ScriptedResponse(whole).CutAfter(kept)));
    const auto response = Get(server.url());
    EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable) << kept;
    EXPECT_THAT(Message(response), HasSubstr(StrCat("127.0.0.1:", server.port(), ": ")));
  }
}

TEST_F(CurlHttpClientTest, ReportsAChunkedAnswerThatIsCut) {
  ScriptedResponse reply;
  reply.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
  reply.close = true;
  ScriptedServer server(Always(reply));
  EXPECT_EQ(Get(server.url()).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CurlHttpClientTest, BoundsTheAnswer) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, std::string(1001, 'x'))));
  HttpRequest request;
  request.url = server.url();
  request.max_response_bytes = 1000;
  EXPECT_EQ(client_->Send(request, {}).status().code(), absl::StatusCode::kResourceExhausted);
  request.max_response_bytes = 1001;
  EXPECT_TRUE(client_->Send(request, {}).ok());
}

TEST_F(CurlHttpClientTest, BoundsTheHeaders) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) head += "X-Filler: " + std::string(1000, 'x') + "\r\n";
  ScriptedResponse reply;
  reply.bytes = head + "Content-Length: 0\r\n\r\n";
  ScriptedServer server(Always(reply));
  EXPECT_EQ(Get(server.url()).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(CurlHttpClientTest, StreamsTheBodyOfASuccess) {
  const std::string body(1 << 20, 'y');
  ScriptedServer server(Always(ScriptedResponse::Answer(200, body)));
  std::string received;
  HttpRequest request;
  request.url = server.url();
  request.max_response_bytes = 10;
  request.on_body = [&](std::string_view piece) {
    received += piece;
    return absl::OkStatus();
  };
  const auto response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(received, body);
}

TEST_F(CurlHttpClientTest, KeepsTheBodyOfAFailureFromTheStream) {
  ScriptedServer server(Always(ScriptedResponse::Answer(429, "slow down")));
  HttpRequest request;
  request.url = server.url();
  request.on_body = [&](std::string_view) { return absl::InternalError("not to be called"); };
  const auto response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "slow down");
}

TEST_F(CurlHttpClientTest, EndsTheExchangeWithTheStatusOfOnBody) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "body")));
  HttpRequest request;
  request.url = server.url();
  request.on_body = [&](std::string_view) { return absl::DataLossError("seen enough"); };
  EXPECT_EQ(client_->Send(request, {}).status(), absl::DataLossError("seen enough"));
}

TEST_F(CurlHttpClientTest, DecodesGzipIfAskedTo) {
  ScriptedServer server(
      Always(ScriptedResponse::Answer(200, GzippedHello(), {{"Content-Encoding", "gzip"}})));
  HttpRequest request;
  request.url = server.url();
  request.accept_gzip = true;
  auto response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body.size(), 7000u);
  EXPECT_EQ(server.requests()[0].header("accept-encoding"), "gzip");

  request.max_response_bytes = 6999;  // counts decoded bytes
  EXPECT_EQ(client_->Send(request, {}).status().code(), absl::StatusCode::kResourceExhausted);

  request.accept_gzip = false;
  response = client_->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, GzippedHello());
}

TEST_F(CurlHttpClientTest, ReportsDamagedGzip) {
  const std::string cut = GzippedHello().substr(0, GzippedHello().size() / 2) + "damage!";
  ScriptedServer server(Always(ScriptedResponse::Answer(200, cut, {{"Content-Encoding", "gzip"}})));
  HttpRequest request;
  request.url = server.url();
  request.accept_gzip = true;
  EXPECT_EQ(client_->Send(request, {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CurlHttpClientTest, AStopEndsAWaitAtOnce) {
  ScriptedResponse silent;
  silent.hang = true;
  std::stop_source stop;
  ScriptedServer server([&](const ScriptedRequest&) {
    stop.request_stop();
    return silent;
  });
  const auto response = Get(server.url(), stop.get_token());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(CurlHttpClientTest, AGraceLetsTheAnswerArriveAfterAStop) {
  std::stop_source stop;
  ScriptedServer server([&](const ScriptedRequest&) {
    stop.request_stop();
    return ScriptedResponse::Answer(200, "in time");
  });
  HttpRequest request;
  request.url = server.url();
  request.stop_grace = absl::Seconds(60);
  auto response = client_->Send(request, stop.get_token());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "in time");
  // The same for one that is sent after the stop.
  response = client_->Send(request, stop.get_token());
  ASSERT_TRUE(response.ok()) << response.status();
}

TEST_F(CurlHttpClientTest, AGraceEnds) {
  ScriptedResponse silent;
  silent.hang = true;
  std::stop_source stop;
  ScriptedServer server([&](const ScriptedRequest&) {
    stop.request_stop();
    return silent;
  });
  HttpRequest request;
  request.url = server.url();
  request.stop_grace = absl::Milliseconds(20);
  const auto response = client_->Send(request, stop.get_token());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kCancelled) << response.status();
}

TEST_F(CurlHttpClientTest, IsGoodForMoreAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")));
  EXPECT_EQ(Get(server.url(), stop.get_token()).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(server.requests().size(), 0u);
  EXPECT_TRUE(Get(server.url()).ok());
}

TEST_F(CurlHttpClientTest, GivesUpOnASilentServer) {
  ScriptedResponse silent;
  silent.hang = true;
  ScriptedServer server(Always(silent));
  HttpRequest request;
  request.url = server.url();
  request.stall_timeout = absl::Milliseconds(20);
  auto response = client_->Send(request, {});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(response), HasSubstr("no data transferred for 20ms"));

  request.stall_timeout = absl::ZeroDuration();
  request.timeout = absl::Milliseconds(20);
  response = client_->Send(request, {});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(response), HasSubstr("timed out"));
}

TEST_F(CurlHttpClientTest, WaitsForASlowAnswer) {
  absl::Notification go;
  ScriptedResponse slow = ScriptedResponse::Answer(200, "late");
  slow.wait_for = &go;
  ScriptedServer server([&](const ScriptedRequest&) { return slow; });
  std::jthread releaser([&] {
    while (server.requests().empty()) std::this_thread::yield();
    go.Notify();
  });
  const auto response = Get(server.url());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "late");
}

TEST_F(CurlHttpClientTest, RefusesACertificateItDoesNotTrust) {
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")),
                        {.tls = MakeTestCertificate("IP:127.0.0.1")});
  const auto response = Get(server.url());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnauthenticated) << response.status();
  EXPECT_THAT(Message(response), HasSubstr("certificate is not trusted"));
  EXPECT_EQ(server.requests().size(), 0u);
}

TEST_F(CurlHttpClientTest, ChecksTheHostNameOfACertificate) {
  const TestCertificate certificate = MakeTestCertificate("DNS:mixpanel.example");
  const std::string path = StrCat(::testing::TempDir(), "/other_host_", getpid(), ".pem");
  std::ofstream(path) << certificate.certificate;
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")), {.tls = certificate});
  HttpRequest request;
  request.url = server.url();
  EXPECT_EQ(NewCurlHttpClient({.ca_file = path})->Send(request, {}).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(CurlHttpClientTest, SpeaksTlsWithAServerItTrusts) {
  const TestCertificate certificate = MakeTestCertificate("IP:127.0.0.1");
  const std::string path = StrCat(::testing::TempDir(), "/trusted_", getpid(), ".pem");
  std::ofstream(path) << certificate.certificate;
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")), {.tls = certificate});
  HttpRequest request;
  request.url = server.url();
  const auto client = NewCurlHttpClient({.ca_file = path});
  const auto response = client->Send(request, {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(NewCurlHttpClient({.ca_file = "/no/such/file"})->Send(request, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CurlHttpClientTest, TrustsTheFileThatTheEnvironmentNames) {
  const TestCertificate certificate = MakeTestCertificate("IP:127.0.0.1");
  const std::string path = StrCat(::testing::TempDir(), "/environment_", getpid(), ".pem");
  std::ofstream(path) << certificate.certificate;
  ScriptedServer server(Always(ScriptedResponse::Answer(200, "ok")), {.tls = certificate});
  HttpRequest request;
  request.url = server.url();
  const char* const before = std::getenv("SSL_CERT_FILE");
  const std::string kept = before == nullptr ? "" : before;
  setenv("SSL_CERT_FILE", path.c_str(), 1);
  const auto trusting = NewCurlHttpClient();
  setenv("SSL_CERT_FILE", "", 1);
  const auto other = NewCurlHttpClient();
  kept.empty() ? unsetenv("SSL_CERT_FILE") : setenv("SSL_CERT_FILE", kept.c_str(), 1);
  EXPECT_TRUE(trusting->Send(request, {}).ok());
  const auto refused = other->Send(request, {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(Message(refused), HasSubstr("SSL_CERT_FILE"));
}

TEST_F(CurlHttpClientTest, SaysWhenTheServerDoesNotSpeakTls) {
  ScriptedResponse reply = ScriptedResponse::Answer(400, "plain");
  reply.close = true;
  ScriptedServer server([&](const ScriptedRequest&) { return reply; });
  // The server reads the hello as an unfinished request; the stall limit ends the wait.
  HttpRequest request;
  request.url = StrCat("https://127.0.0.1:", server.port());
  request.stall_timeout = absl::Milliseconds(50);
  EXPECT_EQ(client_->Send(request, {}).status().code(), absl::StatusCode::kUnavailable);
}

std::string GzippedHello() {
  // printf 'hello, %.0s' $(seq 1000) | gzip -n9
  constexpr unsigned char kBytes[] = {
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc5, 0x31, 0x09,
      0x00, 0x00, 0x08, 0x00, 0xb0, 0x2a, 0x06, 0xb0, 0x96, 0xe0, 0x21, 0xd8, 0xff, 0x33,
      0x81, 0x0d, 0xb6, 0x67, 0x5d, 0x33, 0x9b, 0xd1, 0x92, 0x24, 0x49, 0x92, 0x24, 0x49,
      0x92, 0x24, 0x49, 0x92, 0xfe, 0x0e, 0xdd, 0x26, 0x6d, 0x3a, 0x58, 0x1b, 0x00, 0x00,
  };
  return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};
}

}  // namespace
}  // namespace millrace
