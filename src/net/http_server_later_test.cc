// Responses that another thread gives later.
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "gtest/gtest.h"
#include "net/http_server.h"
#include "net/testing/echo_server.h"
#include "net/testing/raw_connection.h"

namespace millrace {
namespace {

// Provides the pending responses of a server that always responds later.
class LateServer {
 public:
  explicit LateServer(absl::Duration timeout = absl::InfiniteDuration())
      : server_(MustStart([this, timeout](const ServerRequest&) {
          ServerResponse reply{.status = 503, .body = "too late"};
          reply.later_timeout = timeout;
          reply.later = [this](std::shared_ptr<PendingResponse> pending) {
            absl::MutexLock lock(&mutex_);
            pending_.push_back(std::move(pending));
          };
          return reply;
        })) {}
  ~LateServer() { server_.reset(); }

  std::shared_ptr<PendingResponse> Take() {
    absl::MutexLock lock(&mutex_);
    const auto any = [this] { return !pending_.empty(); };
    mutex_.Await(absl::Condition(&any));
    std::shared_ptr<PendingResponse> first = std::move(pending_.front());
    pending_.erase(pending_.begin());
    return first;
  }
  HttpServer& server() { return *server_; }

 private:
  absl::Mutex mutex_;
  std::vector<std::shared_ptr<PendingResponse>> pending_;
  std::unique_ptr<HttpServer> server_;
};

void SendGet(RawConnection& connection, std::string_view path) {
  ASSERT_TRUE(connection.Send(StrCat("GET ", path, " HTTP/1.1\r\nHost: h\r\n\r\n")));
}

TEST(HttpServerLater, AnswersWhenAnotherThreadSaysSo) {
  LateServer late;
  RawConnection connection(late.server().url());
  for (const std::string body : {"one", "two"}) {
    SendGet(connection, "/");
    std::shared_ptr<PendingResponse> pending = late.Take();
    std::thread([&] {
      pending->Send({.status = 201, .body = body});
      pending->Send({.status = 202, .body = "again"});
    }).join();
    const RawResponse reply = connection.Receive();
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(reply.body, body);
  }
}

TEST(HttpServerLater, PipelinedRequestsAreAnsweredInOrder) {
  LateServer late;
  RawConnection connection(late.server().url());
  SendGet(connection, "/1");
  SendGet(connection, "/2");
  late.Take()->Send({.body = "one"});
  EXPECT_EQ(connection.Receive().body, "one");
  late.Take()->Send({.body = "two"});
  EXPECT_EQ(connection.Receive().body, "two");
}

TEST(HttpServerLater, ForgettingToAnswerGivesTheHandlersResponse) {
  LateServer late;
  RawConnection connection(late.server().url());
  SendGet(connection, "/");
  late.Take().reset();
  EXPECT_EQ(connection.Receive().status, 503);
}

TEST(HttpServerLater, TheHandlersResponseComesWhenItIsTooLate) {
  LateServer late(absl::Milliseconds(20));
  RawConnection connection(late.server().url());
  SendGet(connection, "/1");
  const std::shared_ptr<PendingResponse> first = late.Take();
  EXPECT_EQ(connection.Receive().body, "too late");
  SendGet(connection, "/2");
  first->Send({.body = "one"});  // of a request that was answered
  EXPECT_EQ(connection.Receive().body, "too late");
}

TEST(HttpServerLater, AStopWaitsForAnswersAndOutlivesNone) {
  LateServer late;
  RawConnection answered(late.server().url());
  SendGet(answered, "/");
  const std::shared_ptr<PendingResponse> pending = late.Take();
  std::thread stop([&] { late.server().Stop(absl::Seconds(10)); });
  pending->Send({.body = "in time"});
  EXPECT_EQ(answered.Receive().body, "in time");
  stop.join();
  pending->Send({.body = "nobody hears it"});
}

TEST(HttpServerLater, AStopDoesNotWaitForEver) {
  LateServer late;
  RawConnection connection(late.server().url());
  SendGet(connection, "/");
  const std::shared_ptr<PendingResponse> pending = late.Take();
  late.server().Stop(absl::Milliseconds(10));
  EXPECT_TRUE(connection.Closed());
  pending->Send({.body = "nobody hears it"});
}

}  // namespace
}  // namespace millrace
