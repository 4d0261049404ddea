#include "net/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_connection.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(HttpServer, AnswersOverOneConnectionAgainAndAgain) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  EXPECT_EQ(connection.Exchange("GET", "/a?b=c").body, "GET /a?b=c ");
  EXPECT_EQ(connection.Exchange("POST", "/x", "", "body").body, "POST /x? body");
  const RawResponse reply = connection.Exchange("DELETE", "/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Content-Type"), "text/plain");
  EXPECT_THAT(reply.Header("Date"), HasSubstr(" GMT"));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  std::string requests;
  constexpr int kRequests = 500;  // more than one turn
  for (int i = 0; i < kRequests; ++i) {
    const std::string body(static_cast<size_t>(i), 'x');
    requests += StrCat("POST /", i, " HTTP/1.1\r\nHost: h\r\nContent-Length: ", body.size(),
                       "\r\n\r\n", body);
  }
  std::thread sender([&] { connection.Send(requests); });
  for (int i = 0; i < kRequests; ++i) {
    const std::string body = connection.Receive().body;
    ASSERT_EQ(body, StrCat("POST /", i, "? ", std::string(static_cast<size_t>(i), 'x')));
  }
  sender.join();
}

TEST(HttpServer, TakesARequestThatArrivesByteByByte) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  for (char c : std::string("\r\npost /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")) {
    ASSERT_TRUE(connection.Send({&c, 1}));
  }
  EXPECT_EQ(connection.Receive().body, "POST /p?q abc");
}

TEST(HttpServer, TakesLargeBodiesAndSendsThemBack) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  std::string body(5'000'000, ' ');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 26);
  for (int round = 0; round < 2; ++round) {
    RawResponse reply;
    std::thread receiver([&] { reply = connection.Exchange("PUT", "/big", "", body); });
    receiver.join();
    EXPECT_TRUE(reply.body == "PUT /big? " + body) << reply.body.size();
  }
}

TEST(HttpServer, PutsChunkedBodiesTogether) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  connection.Send(
      "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\n");
  connection.Send("2\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(connection.Receive().body, "POST /c? abcde");
  EXPECT_EQ(connection.Receive().body, "GET /next? ");
}

TEST(HttpServer, SaysContinueWhenAskedTo) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  connection.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.Receive().status, 100);
  connection.Send("ok");
  EXPECT_EQ(connection.Receive().body, "POST /? ok");
}

TEST(HttpServer, FindsHeadersInAnyCase) {
  auto server = MustStart([](const ServerRequest& request) {
    ServerResponse reply;
    reply.body =
        StrCat(request.header("x-THING"), "|", request.header("absent"), "|", request.peer_address);
    reply.headers = {{"X-Reply", "yes"}};
    return reply;
  });
  RawConnection connection(server->url());
  const RawResponse reply = connection.Exchange("GET", "/", "X-Thing: some value \r\n");
  EXPECT_EQ(reply.body, "some value||127.0.0.1");
  EXPECT_EQ(reply.Header("x-reply"), "yes");
}

TEST(HttpServer, SendsNoBodyForHead) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  const RawResponse reply = connection.Exchange("HEAD", "/h");
  EXPECT_EQ(reply.Header("Content-Length"), "9");
  EXPECT_EQ(connection.Exchange("GET", "/after").body, "GET /after? ");
}

TEST(HttpServer, SendsNoBodyWithStatusesThatHaveNone) {
  auto server = MustStart([](const ServerRequest& request) {
    ServerResponse reply = Echo(request);
    reply.status = 204;
    return reply;
  });
  RawConnection connection(server->url());
  EXPECT_EQ(connection.Exchange("GET", "/").Header("Content-Length"), "");
  EXPECT_EQ(connection.Exchange("GET", "/").status, 204);
}

TEST(HttpServer, UnderstandsAbsoluteTargets) {
  auto server = MustStart(Echo);
  RawConnection connection(server->url());
  EXPECT_EQ(connection.Exchange("GET", "http://example.com/p?q").body, "GET /p?q ");
}

TEST(HttpServer, ClosesWhenThePeerAsksForIt) {
  auto server = MustStart(Echo);
  RawConnection closing(server->url());
  const RawResponse reply = closing.Exchange("GET", "/", "Connection: close\r\n");
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(closing.Closed());

  RawConnection old(server->url());
  old.Send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.Receive().body, "GET /old? ");
  EXPECT_TRUE(old.Closed());
}

TEST(HttpServer, StreamsPieces) {
  auto server = MustStart([](const ServerRequest&) {
    ServerResponse reply;
    reply.next_piece = [i = 0](std::string* piece) mutable {
      if (++i <= 20) piece->assign(100'000, static_cast<char>('a' + i));
      return absl::OkStatus();
    };
    return reply;
  });
  std::string expected;
  for (int i = 1; i <= 20; ++i) expected.append(100'000, static_cast<char>('a' + i));
  RawConnection connection(server->url());
  for (int round = 0; round < 2; ++round) {
    const RawResponse reply = connection.Exchange("GET", "/");
    EXPECT_EQ(reply.Header("Transfer-Encoding"), "chunked");
    EXPECT_TRUE(reply.whole);
    EXPECT_TRUE(reply.body == expected);
  }
  RawConnection old(server->url());
  old.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.Receive().body == expected);
}

TEST(HttpServer, CutsAStreamThatFails) {
  auto server = MustStart([](const ServerRequest&) {
    ServerResponse reply;
    reply.next_piece = [i = 0](std::string* piece) mutable {
      *piece = "some";
      return ++i < 3 ? absl::OkStatus() : absl::DataLossError("broken");
    };
    return reply;
  });
  RawConnection connection(server->url());
  const RawResponse reply = connection.Exchange("GET", "/");
  EXPECT_EQ(reply.body, "somesome");
  EXPECT_FALSE(reply.whole);
}

TEST(HttpServer, CutsAnswersWhereTold) {
  std::atomic<size_t> cut_after = 0;
  auto server = MustStart([&](const ServerRequest&) {
    ServerResponse reply;
    reply.body = std::string(50'000, 'x');
    reply.cut = true;
    reply.cut_after = cut_after;
    return reply;
  });
  {
    RawConnection connection(server->url());
    const RawResponse reply = connection.Exchange("GET", "/");
    EXPECT_EQ(reply.status, 0);
    EXPECT_THAT(reply.head, IsEmpty());
  }
  cut_after = 12;
  {
    RawConnection connection(server->url());
    EXPECT_EQ(connection.Exchange("GET", "/").head, "HTTP/1.1 200");
  }
  cut_after = 20'000;
  {
    RawConnection connection(server->url());
    const RawResponse reply = connection.Exchange("GET", "/");
    EXPECT_FALSE(reply.whole);
    EXPECT_GT(reply.body.size(), 19'000u);
    EXPECT_LT(reply.body.size(), 20'000u);
  }
}

TEST(HttpServer, DelaysOneConnectionWithoutTheOthers) {
  HttpServerOptions options;
  options.threads = 1;
  auto server = MustStart(
      [](const ServerRequest& request) {
        ServerResponse reply = Echo(request);
        if (request.path == "/slow") reply.delay = absl::Milliseconds(200);
        return reply;
      },
      options);
  RawConnection slow(server->url());
  const absl::Time begin = absl::Now();
  slow.Send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /behind HTTP/1.1\r\nHost: h\r\n\r\n");
  RawConnection other(server->url());
  EXPECT_EQ(other.Exchange("GET", "/quick").body, "GET /quick? ");
  EXPECT_LT(absl::Now() - begin, absl::Milliseconds(200));
  EXPECT_EQ(slow.Receive().body, "GET /slow? ");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));
  EXPECT_EQ(slow.Receive().body, "GET /behind? ");
}

TEST(HttpServer, JoinsRepeatedHeaders) {
  auto server = MustStart([](const ServerRequest& request) {
    return ServerResponse{.body = StrCat(request.header("x"), "|", request.joined_header("x"), "|",
                                         request.joined_header("y"))};
  });
  EXPECT_EQ(RawConnection(server->url()).Exchange("GET", "/", "X: 1\r\nZ: 0\r\nx: 2\r\n").body,
            "1|1, 2|");
}

TEST(HttpServer, ServesManyConnections) {
  auto server = MustStart(Echo);
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 300; ++i) {
    connections.push_back(std::make_unique<RawConnection>(server->url()));
    ASSERT_TRUE(connections.back()->connected());
  }
  for (auto& connection : connections) ASSERT_EQ(connection->Exchange("GET", "/").status, 200);
}

TEST(HttpServer, StopLetsRequestsInWorkFinish) {
  absl::Notification entered;
  auto server = MustStart([&](const ServerRequest&) {
    ServerResponse reply;
    reply.body = "finished";
    reply.delay = absl::Milliseconds(50);
    entered.Notify();
    return reply;
  });
  RawConnection busy(server->url());
  RawConnection idle(server->url());
  busy.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.WaitForNotification();
  server->Stop();
  const RawResponse reply = busy.Receive();
  EXPECT_EQ(reply.body, "finished");
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_TRUE(idle.Closed());
  server->Stop();
}

TEST(HttpServer, StopServesConnectionsThatItHasAccepted) {
  absl::Notification entered;
  auto server = MustStart([&](const ServerRequest& request) {
    ServerResponse reply;
    reply.body = std::string(request.path);
    if (request.path == "/busy") {
      reply.delay = absl::Milliseconds(400);
      entered.Notify();
    }
    return reply;
  });
  RawConnection busy(server->url()), begun(server->url()), silent(server->url());
  busy.Send("GET /busy HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.WaitForNotification();
  std::thread stop([&] { server->Stop(); });
  begun.Send("GET /begun HTTP/1.1\r\nHost: h\r\n\r\n");
  const RawResponse reply = begun.Receive();
  EXPECT_EQ(reply.body, "/begun");
  EXPECT_EQ(busy.Receive().body, "/busy");
  EXPECT_TRUE(silent.Closed());
  stop.join();
}

TEST(HttpServer, AcceptsFromASocketThatListensAlready) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(HttpServer::Start({.listen = StrCat("fd:", fd)}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 16), 0);
  // Its other holder, as a service manager has it: what arrives between two servers waits.
  const int kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  auto server = HttpServer::Start({.listen = StrCat("fd:", fd)}, [](const ServerRequest&) {
    return ServerResponse{.body = "first"};
  });
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(RawConnection((*server)->url()).Exchange("GET", "/").body, "first");
  (*server)->Stop();
  RawConnection waiting((*server)->url());
  waiting.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  server = HttpServer::Start({.listen = StrCat("fd:", kept)},
                             [](const ServerRequest&) { return ServerResponse{.body = "second"}; });
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(waiting.Receive().body, "second");
  for (const char* wrong : {"fd:", "fd:x", "fd:-1", "fd:0", "fd:99999"}) {
    EXPECT_EQ(HttpServer::Start({.listen = wrong}, {}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

TEST(HttpServer, StopDoesNotWaitLongerThanTold) {
  absl::Notification entered;
  auto server = MustStart([&](const ServerRequest&) {
    ServerResponse reply;
    reply.delay = absl::Hours(1);
    entered.Notify();
    return reply;
  });
  RawConnection busy(server->url());
  busy.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.WaitForNotification();
  server->Stop(absl::Milliseconds(10));
  EXPECT_TRUE(busy.Closed());
}

TEST(HttpServer, RefusesBadAndTakenAddresses) {
  HttpServerOptions options;
  for (std::string listen : {"", "8080", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:http",
                             "127.0.0.1:99999", "300.0.0.1:0"}) {
    options.listen = listen;
    EXPECT_EQ(HttpServer::Start(options, Echo).status().code(), absl::StatusCode::kInvalidArgument)
        << listen;
  }
  auto server = MustStart(Echo);
  options.listen = server->url().substr(7);
  EXPECT_EQ(HttpServer::Start(options, Echo).status().code(), absl::StatusCode::kUnavailable);
}

TEST(UrlDecode, DecodesAndKeepsBadEscapes) {
  EXPECT_EQ(UrlDecode("a%20b%2B+c", false), "a b++c");
  EXPECT_EQ(UrlDecode("a%20b%2B+c", true), "a b+ c");
  EXPECT_EQ(UrlDecode("%C3%a9", false), "\xC3\xA9");
  EXPECT_EQ(UrlDecode("100%", false), "100%");
  EXPECT_EQ(UrlDecode("%zz%4", false), "%zz%4");
  EXPECT_EQ(UrlDecode("%00", false), std::string(1, '\0'));
}

TEST(ParseForm, GivesPairsInOrder) {
  EXPECT_THAT(ParseForm("a=1&b=x%26y&a=2"),
              ElementsAre(Pair("a", "1"), Pair("b", "x&y"), Pair("a", "2")));
  EXPECT_THAT(ParseForm("data=ab==&flag&=v&&"),
              ElementsAre(Pair("data", "ab=="), Pair("flag", ""), Pair("", "v")));
  EXPECT_THAT(ParseForm(""), IsEmpty());
}

}  // namespace
}  // namespace millrace
