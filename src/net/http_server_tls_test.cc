// The HTTP server over TLS: with libcurl as a real client, and with OpenSSL where bytes matter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_connection.h"
#include "net/tls_certificate.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// OpenSSL's client, which checks nothing. Blocking.
class TlsClient {
 public:
  // `protocols`: what ALPN offers, each after a byte with its size.
  explicit TlsClient(const std::string& url, int max_version = TLS1_3_VERSION,
                     std::string_view protocols = "")
      : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
        ssl_(nullptr, &SSL_free),
        socket_(ConnectTo(url)) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), 0);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned int>(protocols.size()));
    connected_ = SSL_connect(ssl_.get()) == 1;
  }
  ~TlsClient() { close(socket_); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  SSL* ssl() { return ssl_.get(); }
  bool Send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // Until `marker` has arrived, or the connection ends.
  std::string ReceiveUntil(std::string_view marker) {
    std::string received;
    char piece[4096];
    while (received.find(marker) == std::string::npos) {
      const int n = SSL_read(ssl_.get(), piece, sizeof piece);
      if (n <= 0) break;
      received.append(piece, static_cast<size_t>(n));
    }
    return received;
  }
  // True if the server has said, in TLS, that nothing follows.
  bool EndsCleanly() {
    char byte;
    const int n = SSL_read(ssl_.get(), &byte, 1);
    return n == 0 && SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
  }

 private:
  static int ConnectTo(const std::string& url) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(std::atoi(url.substr(url.rfind(':') + 1).c_str()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  int socket_;
  bool connected_ = false;
};

class HttpServerTlsTest : public ::testing::Test {
 protected:
  HttpServerTlsTest() : ca_(StrCat(::testing::TempDir(), "/server_tls_", getpid(), ".pem")) {}
  ~HttpServerTlsTest() override { std::remove(ca_.c_str()); }

  void Start(HttpHandler handler, HttpServerOptions options = {},
             const std::vector<std::string>& hosts = {"localhost", "127.0.0.1", "::1"}) {
    auto certificate = MakeSelfSignedCertificate(hosts);
    ASSERT_TRUE(certificate.ok()) << certificate.status();
    std::ofstream(ca_) << certificate->ca;
    options.tls = std::move(certificate->server);
    auto server = HttpServer::Start(options, std::move(handler));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = NewCurlHttpClient({.ca_file = ca_});
  }

  absl::StatusOr<HttpResponse> Send(std::string url, std::string_view body = "") {
    HttpRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.url = std::move(url);
    request.body = body;
    return client_->Send(request, {});
  }

  const std::string ca_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(HttpServerTlsTest, AnswersClientsThatTrustTheAuthority) {
  Start(Echo);
  EXPECT_THAT(server_->url(), StartsWith("https://127.0.0.1:"));
  const std::string port = server_->url().substr(server_->url().rfind(':'));
  for (int i = 0; i < 3; ++i) {
    const auto response = Send(StrCat("https://localhost", port, "/a"));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body, "GET /a? ");
  }
  EXPECT_TRUE(Send(server_->url()).ok());
  client_ = NewCurlHttpClient();  // trusts the system's authorities only
  EXPECT_EQ(Send(server_->url()).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(HttpServerTlsTest, AnswersOnTheIpv6Loopback) {
  Start(Echo, {.listen = "[::1]:0"});
  EXPECT_THAT(server_->url(), StartsWith("https://[::1]:"));
  EXPECT_TRUE(Send(server_->url()).ok());
}

TEST_F(HttpServerTlsTest, IsTrustedForItsHostsOnly) {
  Start(Echo, {}, {"sandbox.example"});
  EXPECT_EQ(Send(server_->url()).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(HttpServerTlsTest, CarriesLargeBodiesBothWays) {
  Start(Echo);
  std::string body(9 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
  for (int i = 0; i < 2; ++i) {
    const auto response = Send(StrCat(server_->url(), "/big"), body);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(response->body == "POST /big? " + body);
  }
}

TEST_F(HttpServerTlsTest, StreamsRepliesAndGivesThemLater) {
  std::vector<std::thread> threads;
  Start([&threads](const ServerRequest& request) {
    ServerResponse reply;
    if (request.path == "/pieces") {
      reply.next_piece = [left = 50](std::string* piece) mutable {
        if (left-- > 0) piece->assign(30000, 'x');
        return absl::OkStatus();
      };
    } else {
      reply.later = [&threads](std::shared_ptr<PendingResponse> pending) {
        threads.emplace_back([pending] { pending->Send({.body = "late"}); });
      };
    }
    return reply;
  });
  const auto pieces = Send(StrCat(server_->url(), "/pieces"));
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  EXPECT_EQ(pieces->body, std::string(50 * 30000, 'x'));
  const auto late = Send(StrCat(server_->url(), "/late"));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->body, "late");
  server_->Stop();
  for (std::thread& thread : threads) thread.join();
}

// Requests that came in one record are served without waiting for the socket again.
TEST_F(HttpServerTlsTest, ServesAllRequestsOfOneRecord) {
  Start(Echo);
  TlsClient client(server_->url());
  ASSERT_TRUE(client.connected());
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_TRUE(client.Send(requests + "GET /last HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(client.ReceiveUntil("GET /last"), HasSubstr("GET /last"));
  const std::string body(20000, 'b');  // larger than a record
  ASSERT_TRUE(client.Send(
      StrCat("POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 20003\r\n\r\n", body, "end")));
  EXPECT_THAT(client.ReceiveUntil("bend"), HasSubstr("bend"));
}

TEST_F(HttpServerTlsTest, SaysWhenItCloses) {
  Start(Echo);
  TlsClient client(server_->url());
  client.Send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.ReceiveUntil("GET /x? "), HasSubstr("GET /x? "));
  EXPECT_TRUE(client.EndsCleanly());
}

TEST_F(HttpServerTlsTest, ChoosesHttp11) {
  Start(Echo);
  const auto chosen_of = [&](std::string_view offered) {
    TlsClient client(server_->url(), TLS1_3_VERSION, offered);
    EXPECT_TRUE(client.connected());
    const unsigned char* chosen;
    unsigned int size;
    SSL_get0_alpn_selected(client.ssl(), &chosen, &size);
    return size == 0 ? "" : std::string(reinterpret_cast<const char*>(chosen), size);
  };
  EXPECT_EQ(chosen_of("\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_EQ(chosen_of("\x02h2"), "");
  EXPECT_EQ(chosen_of(""), "");
}

TEST_F(HttpServerTlsTest, RefusesVersionsBefore12) {
  Start(Echo);
  EXPECT_FALSE(TlsClient(server_->url(), TLS1_1_VERSION).connected());
  EXPECT_TRUE(TlsClient(server_->url(), TLS1_2_VERSION).connected());
}

TEST_F(HttpServerTlsTest, RefusesToRenegotiate) {
  Start(Echo);
  TlsClient client(server_->url(), TLS1_2_VERSION);
  ASSERT_TRUE(client.connected());
  EXPECT_FALSE(SSL_renegotiate(client.ssl()) == 1 && SSL_do_handshake(client.ssl()) == 1);
}

TEST_F(HttpServerTlsTest, ClosesConnectionsThatDoNotSpeakTls) {
  Start(Echo);
  for (const char* garbage : {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01\xff\xff junk junk",
                              "\x80\x80\x01\x03 and more that is no hello"}) {
    RawConnection connection(server_->url());
    ASSERT_TRUE(connection.Send(garbage));
    connection.StopSending();
    EXPECT_EQ(connection.Receive().status, 0);
  }
  EXPECT_TRUE(Send(server_->url()).ok());
}

TEST_F(HttpServerTlsTest, HandshakesThatTakeTooLongAreClosed) {
  Start(Echo, {.request_timeout = absl::Milliseconds(100)});
  RawConnection silent(server_->url());
  RawConnection slow(server_->url());
  ASSERT_TRUE(slow.Send(std::string_view("\x16\x03\x01\x02\x00\x01", 6)));
  EXPECT_TRUE(slow.Closed());
  EXPECT_TRUE(silent.Closed());
}

TEST_F(HttpServerTlsTest, SurvivesPeersThatLeaveInTheMiddle) {
  struct sigaction before;
  struct sigaction fatal = {};
  fatal.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &fatal, &before);
  Start([](const ServerRequest&) {
    ServerResponse reply;
    reply.body.assign(64 << 20, 'x');
    return reply;
  });
  for (int i = 0; i < 5; ++i) {
    TlsClient client(server_->url());
    ASSERT_TRUE(client.connected());
    client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client.ReceiveUntil("xxx");
  }
  TlsClient last(server_->url());
  EXPECT_TRUE(last.connected());
  server_->Stop(absl::ZeroDuration());
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(HttpServerTlsTest, NewConnectionsGetANewCertificate) {
  Start(Echo);
  TlsClient before(server_->url());
  auto other = MakeSelfSignedCertificate({"127.0.0.1"});
  ASSERT_TRUE(other.ok()) << other.status();
  TlsCertificate mixed = other->server;
  mixed.private_key = MakeSelfSignedCertificate({"127.0.0.1"})->server.private_key;
  EXPECT_EQ(server_->SetCertificate(mixed).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Send(server_->url()).ok());  // as before

  ASSERT_TRUE(server_->SetCertificate(other->server).ok());
  client_ = NewCurlHttpClient({.ca_file = ca_});
  EXPECT_EQ(Send(server_->url()).status().code(), absl::StatusCode::kUnauthenticated);
  std::ofstream(ca_) << other->ca;
  client_ = NewCurlHttpClient({.ca_file = ca_});
  EXPECT_TRUE(Send(server_->url()).ok());
  EXPECT_TRUE(before.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(before.ReceiveUntil("/a? "), HasSubstr("200 OK"));
}

TEST_F(HttpServerTlsTest, RefusesWhatIsNoCertificate) {
  auto certificate = MakeSelfSignedCertificate({"localhost"});
  ASSERT_TRUE(certificate.ok());
  const auto other = MakeSelfSignedCertificate({"localhost"});
  ASSERT_TRUE(other.ok());
  for (const TlsCertificate& bad :
       {TlsCertificate{}, TlsCertificate{certificate->server.chain, ""},
        TlsCertificate{certificate->server.chain, other->server.private_key}}) {
    EXPECT_EQ(HttpServer::Start({.tls = bad}, Echo).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
