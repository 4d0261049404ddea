// What the HTTP server refuses, and how it bounds what a client can hold.
#include <memory>
#include <string>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/http_server.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_connection.h"

namespace millrace {
namespace {

using ::testing::StartsWith;

struct Refusal {
  std::string request;
  int status;
};

class RefusedRequests : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedRequests, AreAnsweredAndTheConnectionEnds) {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  options.max_header_bytes = 2000;
  auto server = MustStart(
      [](const ServerRequest&) -> ServerResponse {
        ADD_FAILURE() << "the handler saw it";
        return {};
      },
      options);
  RawConnection connection(server->url());
  connection.Send(GetParam().request);
  const RawResponse reply = connection.Receive();
  EXPECT_EQ(reply.status, GetParam().status);
  EXPECT_TRUE(reply.whole);
  EXPECT_THAT(reply.body, StartsWith("{\"code\":"));
  EXPECT_TRUE(connection.Closed());
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedRequests,
    ::testing::Values(
        Refusal{"\x01 no http\r\n\r\n", 400}, Refusal{"GET / HTTP/3.0\r\n\r\n", 505},
        Refusal{
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'),
            413},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", 413},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                    std::string(2000, 'x'),
                413},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                    std::string(3000, 'x'),
                400},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        Refusal{
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\nTransfer-Encoding: gzip\r\n\r\n",
            501},
        Refusal{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: "
                "keep-alive\r\n\r\n0\r\n\r\n",
                400},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                400},
        Refusal{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
        Refusal{
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400},
        Refusal{"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
        Refusal{"GET / HTTP/1.1\r\nHost: h\r\nX:\r\n\tb\r\n\r\n", 400},
        Refusal{"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n \r\n\r\n", 400},
        Refusal{"GET / HTTP/1.1\r\n\r\n", 400}, Refusal{"GET / HTTP/1.1\r\nX: Host\r\n\r\n", 400},
        Refusal{"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
        Refusal{"GET / HTTP/1.0\r\nHost: h\r\nhost: i\r\n\r\n", 400},
        Refusal{"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(3000, 'x') + "\r\n\r\n", 431}));

TEST(HttpServerLimits, RefusesAFoldedHeaderHoweverItArrives) {
  auto server = MustStart([](const ServerRequest&) { return ServerResponse(); });
  for (const bool folded : {false, true}) {
    RawConnection connection(server->url());
    const std::string request =
        StrCat("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n", folded ? " b" : "Y: b", "\r\n\r\n");
    for (const char c : request) connection.Send(std::string(1, c));
    EXPECT_EQ(connection.Receive().status, folded ? 400 : 200);
  }
}

TEST(HttpServerLimits, BoundsHeadersThatArriveInPieces) {
  HttpServerOptions options;
  options.max_header_bytes = 4000;
  auto server = MustStart(Echo, options);
  RawConnection connection(server->url());
  connection.Send("GET / HTTP/1.1\r\nHost: h\r\n");
  for (int i = 0; i < 1000 && connection.Send("X-Header: some forty bytes of header text\r\n");
       ++i) {
  }
  EXPECT_EQ(connection.Receive().status, 431);
}

TEST(HttpServerLimits, AnswersRequestsThatCameBeforeABadOne) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  connection.Send("GET /good HTTP/1.1\r\nHost: h\r\n\r\n\x01\x02 bad\r\n\r\n");
  EXPECT_EQ(connection.Receive().body, "GET /good? ");
  EXPECT_EQ(connection.Receive().status, 400);
}

TEST(HttpServerLimits, EndsIdleConnectionsAndUnfinishedRequests) {
  HttpServerOptions options;
  options.idle_timeout = absl::Milliseconds(30);
  options.request_timeout = absl::Milliseconds(60);
  auto server = MustStart(Echo, options);
  RawConnection idle(server->url());
  RawConnection head(server->url());
  RawConnection body(server->url());
  head.Send("GET / HTT");
  body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(idle.Closed());
  EXPECT_EQ(head.Receive().status, 408);
  EXPECT_EQ(body.Receive().status, 408);
  EXPECT_TRUE(body.Closed());
}

TEST(HttpServerLimits, LetsFurtherConnectionsWait) {
  HttpServerOptions options;
  options.max_connections = 2;
  auto server = MustStart(Echo, options);
  auto first = std::make_unique<RawConnection>(server->url());
  auto second = std::make_unique<RawConnection>(server->url());
  EXPECT_EQ(first->Exchange("GET", "/1").status, 200);
  EXPECT_EQ(second->Exchange("GET", "/2").status, 200);
  RawConnection third(server->url());
  third.Send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(first->Exchange("GET", "/4").status, 200);
  first.reset();
  EXPECT_EQ(third.Receive().body, "GET /3? ");
}

TEST(HttpServerLimits, BoundsTheNumberOfHeaders) {
  HttpServerOptions options;
  options.max_headers = 4;  // Host, Content-Length, and two more
  auto server = MustStart(Echo, options);
  RawConnection connection(server->url());
  EXPECT_EQ(connection.Exchange("GET", "/", "A: 1\r\nB: 2\r\n").status, 200);
  EXPECT_EQ(connection.Exchange("GET", "/", "A: 1\r\nB: 2\r\nC: 3\r\n").status, 431);
}

TEST(HttpServerLimits, BoundsTheConnectionsOfAnAddress) {
  HttpServerOptions options;
  options.max_connections_per_address = 2;
  auto server = MustStart(Echo, options);
  auto first = std::make_unique<RawConnection>(server->url());
  RawConnection second(server->url());
  EXPECT_EQ(first->Exchange("GET", "/").status, 200);
  EXPECT_EQ(second.Exchange("GET", "/").status, 200);
  EXPECT_TRUE(RawConnection(server->url()).Closed());
  EXPECT_EQ(second.Exchange("GET", "/").status, 200);
  first = nullptr;
  int status = 0;  // the server learns of the end a little later
  for (int i = 0; i < 1000 && status != 200; ++i) {
    RawConnection third(server->url());
    status = third.Exchange("GET", "/").status;
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpServerLimits, EndsRequestsWhoseHeadIsSlow) {
  HttpServerOptions options;
  options.header_timeout = absl::Milliseconds(60);
  auto server = MustStart(Echo, options);
  RawConnection slow_head(server->url()), slow_body(server->url());
  slow_body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nx");
  slow_head.Send("GET / HTTP/1.1\r\nHost: h\r\nA: ");
  EXPECT_EQ(slow_head.Receive().status, 408);
  slow_body.Send("y");
  EXPECT_EQ(slow_body.Receive().body, "POST /? xy");
}

TEST(HttpServerLimits, BoundsTheBytesOfPartialBodies) {
  HttpServerOptions options;
  options.max_partial_body_bytes = 50'000;
  auto server = MustStart(Echo, options);
  const std::string half(60'000, 'x');
  for (const std::string& head : {std::string("Content-Length: 120000\r\n\r\n"),
                                  std::string("Transfer-Encoding: chunked\r\n\r\n1d4c0\r\n")}) {
    RawConnection connection(server->url());
    connection.Send("POST / HTTP/1.1\r\nHost: h\r\n" + head + half);
    const RawResponse refused = connection.Receive();
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.Header("Retry-After"), "5");
    // What was refused or answered does not count any more.
    RawConnection next(server->url());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(next.Exchange("POST", "/", "", std::string(40'000, 'x')).status, 200);
    }
  }
}

TEST(HttpServerLimits, LetsItsOwnResponsesBeChanged) {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  options.on_refusal = [](const ServerRequest& request, ServerResponse* reply) {
    reply->headers.emplace_back("X-Seen",
                                StrCat(request.method, request.path, request.header("origin")));
  };
  auto server = MustStart(Echo, options);
  const RawResponse refused =
      RawConnection(server->url())
          .Exchange("POST", "/a?b", "Origin: http://x\r\n", "too long a body");
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.Header("X-Seen"), "POST/ahttp://x");
  RawConnection garbage(server->url());
  garbage.Send("garbage\r\n\r\n");
  EXPECT_EQ(garbage.Receive().status, 400);
}

}  // namespace
}  // namespace millrace
