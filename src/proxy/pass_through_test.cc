#include "proxy/pass_through.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/mutex.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"
#include "proxy/library_cache.h"
#include "proxy/testing/fakes.h"

namespace millrace::proxy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

using Headers = TestHeaders;

std::string HeaderOf(const ServerResponse& reply, std::string_view name) {
  for (const auto& [header, value] : reply.headers) {
    if (header == name) return value;
  }
  return "";
}

// Upstream: keeps what it was sent.
class Upstream {
 public:
  struct Seen {
    std::string method, url, body;
    std::vector<std::pair<std::string, std::string>> headers;
  };

  PassThrough::NewClient NewClient() {
    return [this] {
      return std::make_unique<FakeHttpClient>([this](const HttpRequest& request) {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&open_));
        seen_.push_back({request.method, request.url, std::string(request.body), request.headers});
        return respond_(request);
      });
    };
  }
  void Respond(FakeHttpClient::Handler respond) {
    absl::MutexLock lock(&mutex_);
    respond_ = std::move(respond);
  }
  void Open(bool open) {
    absl::MutexLock lock(&mutex_);
    open_ = open;
  }
  std::vector<Seen> seen() {
    absl::MutexLock lock(&mutex_);
    return seen_;
  }

 private:
  absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = true;
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  FakeHttpClient::Handler respond_ ABSL_GUARDED_BY(mutex_) = [](const HttpRequest&) {
    return HttpResponse{.status = 200, .body = "{}"};
  };
};

// A client that waits, and gets the fallback if nothing else comes.
class Client {
 public:
  explicit Client(ServerResponse reply) {
    state_->reply = std::move(reply);
    const auto later = std::exchange(state_->reply.later, nullptr);
    if (later == nullptr) {
      state_->End();
    } else {
      later(std::make_shared<Pending>(state_));
    }
  }
  ServerResponse Wait() {
    absl::MutexLock lock(&state_->mutex);
    EXPECT_TRUE(
        state_->mutex.AwaitWithTimeout(absl::Condition(&state_->is_done), absl::Seconds(20)));
    return state_->reply;
  }

 private:
  struct State {
    absl::Mutex mutex;
    ServerResponse reply;
    bool is_done = false;

    void End() {
      absl::MutexLock lock(&mutex);
      is_done = true;
    }
  };
  class Pending final : public PendingResponse {
   public:
    explicit Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Pending() override { state_->End(); }
    void Send(ServerResponse reply) override {
      absl::MutexLock lock(&state_->mutex);
      state_->reply = std::move(reply);
      state_->is_done = true;
    }

   private:
    const std::shared_ptr<State> state_;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class PassThroughTest : public ::testing::Test {
 protected:
  void Open(PassThroughOptions options) {
    options.api_url = "https://api.example/";
    options.decide_url = "https://decide.example";
    options.library_url = "https://cdn.example/libs/";
    options.threads = 1;
    pass_through_ = std::make_unique<PassThrough>(options, upstream_.NewClient(), clock_);
  }
  std::unique_ptr<Client> Start(std::string_view method, std::string_view target,
                                std::string_view body = "", const Headers& headers = {}) {
    if (pass_through_ == nullptr) Open({});
    ServerRequest request = TestRequest(method, target, headers);
    request.body = body;
    const RouteMatch match = Routes::Make({})->Find(request.path);
    return std::make_unique<Client>(
        pass_through_->Handle(request, match, "203.0.113.7", {{"X-Cors", "yes"}}));
  }
  ServerResponse Get(std::string_view target, const Headers& headers = {}) {
    return Start("GET", target, "", headers)->Wait();
  }

  FakeClock clock_;
  Upstream upstream_;
  std::unique_ptr<PassThrough> pass_through_;
};

TEST_F(PassThroughTest, ForwardsWhatMixpanelNeeds) {
  upstream_.Respond([](const HttpRequest&) {
    return HttpResponse{.status = 401,
                        .body = "{\"error\":1}",
                        .headers = {{"content-type", "application/json"},
                                    {"retry-after", "7"},
                                    {"set-cookie", "secret"},
                                    {"access-control-allow-origin", "*"}}};
  });
  const ServerResponse reply =
      Start("POST", "/record/?seq=1&url=http%3A%2F%2Fx#\xc3\xa9 {", "body\x1f\x8b",
            {{"authorization", "Basic dDo="},
             {"content-type", "application/octet-stream"},
             {"content-encoding", "gzip"},
             {"traceparent", "00-1"},
             {"cookie", "private"},
             {"host", "proxy.example"},
             {"x-forwarded-for", "6.6.6.6"}})
          ->Wait();
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body, "{\"error\":1}");
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_THAT(reply.headers, ElementsAre(Pair("retry-after", "7"), Pair("X-Cors", "yes")));
  ASSERT_THAT(upstream_.seen(), SizeIs(1));
  const Upstream::Seen seen = upstream_.seen()[0];
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.url, "https://api.example/record/?seq=1&url=http%3A%2F%2Fx%23%C3%A9%20%7B");
  EXPECT_EQ(seen.body, "body\x1f\x8b");
  EXPECT_THAT(seen.headers, AllOf(Contains(Pair("authorization", "Basic dDo=")),
                                  Contains(Pair("content-encoding", "gzip")),
                                  Contains(Pair("traceparent", "00-1")),
                                  Contains(Pair("X-Forwarded-For", "203.0.113.7")),
                                  Contains(Pair("X-Forwarded-Host", "proxy.example")),
                                  Not(Contains(Key("cookie"))), Not(Contains(Key("host")))));
  Get("/flags?token=t");
  Get("/flags/definitions");
  Get("/settings");
  Get("/decide/?v=1");
  std::vector<std::string> urls;
  for (const auto& request : upstream_.seen()) urls.push_back(request.url);
  urls.erase(urls.begin());
  EXPECT_THAT(
      urls,
      ElementsAre("https://api.example/flags?token=t", "https://api.example/flags/definitions",
                  "https://api.example/settings", "https://decide.example/decide/?v=1"));
  EXPECT_EQ(Start("DELETE", "/flags")->Wait().status, 405);
}

TEST_F(PassThroughTest, SaysWhenMixpanelDoesNotRespond) {
  upstream_.Respond([](const HttpRequest&) { return absl::UnavailableError("down"); });
  const ServerResponse reply = Get("/flags");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(HeaderOf(reply, "Retry-After"), "10");
  EXPECT_EQ(HeaderOf(reply, "X-Cors"), "yes");
  EXPECT_EQ(pass_through_->counts().failed, 1);
}

TEST_F(PassThroughTest, BoundsWhatWaits) {
  Open({.max_waiting = 3, .max_waiting_bytes = 10});
  upstream_.Open(false);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Start("POST", "/record", "bytes"));
  // One is with upstream, or two of five bytes wait: the others are refused at once.
  EXPECT_EQ(clients.back()->Wait().status, 503);
  EXPECT_EQ(HeaderOf(clients.back()->Wait(), "Retry-After"), "10");
  EXPECT_GE(pass_through_->counts().refused, 7);
  upstream_.Open(true);
  EXPECT_EQ(clients.front()->Wait().status, 200);
  int answered = 0;
  for (const auto& client : clients) answered += client->Wait().status == 200;
  EXPECT_EQ(answered, 10 - static_cast<int>(pass_through_->counts().refused));
}

TEST_F(PassThroughTest, EndsWithRequestsThatWait) {
  upstream_.Open(false);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Start("GET", "/flags"));
  std::thread opener([&] { upstream_.Open(true); });
  pass_through_ = nullptr;
  opener.join();
  for (const auto& client : clients) {  // each has a response, of upstream or its fallback
    const int status = client->Wait().status;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
}

TEST_F(PassThroughTest, KeepsLibraries) {
  upstream_.Respond([](const HttpRequest& request) {
    return HttpResponse{.status = 200,
                        .body = "js of " + request.url,
                        .headers = {{"content-type", "application/javascript"},
                                    {"etag", "\"e1\""},
                                    {"cache-control", "public, max-age=600"}}};
  });
  for (std::string_view path : {"/lib.min.js", "/lib.js", "/libs/mixpanel-recorder-x.min.js"}) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(path).status, 200) << path;
  }
  ASSERT_THAT(upstream_.seen(), SizeIs(3));
  EXPECT_EQ(upstream_.seen()[0].url, "https://cdn.example/libs/mixpanel-2-latest.min.js");
  EXPECT_EQ(upstream_.seen()[1].url, "https://cdn.example/libs/mixpanel-2-latest.js");
  EXPECT_EQ(upstream_.seen()[2].url, "https://cdn.example/libs/mixpanel-recorder-x.min.js");
  const ServerResponse reply = Get("/lib.min.js");
  EXPECT_EQ(reply.body, "js of https://cdn.example/libs/mixpanel-2-latest.min.js");
  EXPECT_EQ(reply.content_type, "application/javascript");
  EXPECT_EQ(HeaderOf(reply, "ETag"), "\"e1\"");
  EXPECT_EQ(HeaderOf(reply, "Vary"), "Origin");
  EXPECT_EQ(HeaderOf(reply, "X-Cors"), "yes");
  EXPECT_EQ(HeaderOf(reply, "Cache-Control"), "public, max-age=600");
  EXPECT_EQ(Get("/lib.min.js", {{"if-none-match", "\"e1\""}}).status, 304);
  EXPECT_EQ(Start("HEAD", "/lib.min.js")->Wait().status, 200);
  EXPECT_EQ(Start("POST", "/lib.min.js")->Wait().status, 405);
  EXPECT_THAT(upstream_.seen(), SizeIs(3));
}

TEST_F(PassThroughTest, ServesStaleLibrariesWhileTheirServerIsDown) {
  upstream_.Respond([](const HttpRequest&) {
    return HttpResponse{.status = 200, .body = "v1", .headers = {{"etag", "\"1\""}}};
  });
  EXPECT_EQ(Get("/lib.js").body, "v1");
  clock_.Advance(absl::Hours(2));
  upstream_.Respond([](const HttpRequest&) { return absl::UnavailableError("down"); });
  while (upstream_.seen().size() < 2) EXPECT_EQ(Get("/lib.js").body, "v1");
  upstream_.Respond([](const HttpRequest& request) {
    EXPECT_THAT(request.headers, Contains(Pair("If-None-Match", "\"1\"")));
    return HttpResponse{.status = 304};
  });
  // Each of these serves what is there, and asks again if it is stale and nobody asks.
  while (upstream_.seen().size() < 3) EXPECT_EQ(Get("/lib.js").body, "v1");
  upstream_.Respond([](const HttpRequest&) { return HttpResponse{.status = 200, .body = "v2"}; });
  do {
    clock_.Advance(absl::Hours(2));
  } while (Get("/lib.js").body != "v2");
}

TEST_F(PassThroughTest, FetchesALibraryOnceForAllThatWait) {
  upstream_.Open(false);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Start("GET", "/lib.js"));
  upstream_.Open(true);
  for (const auto& client : clients) EXPECT_EQ(client->Wait().status, 200);
  EXPECT_THAT(upstream_.seen(), SizeIs(1));
}

TEST_F(PassThroughTest, RefusesPathsThatAreNoLibraries) {
  for (std::string_view path : {"/libs/../etc/passwd", "/libs/a//b.js", "/libs/%2e%2e/x",
                                "/libs/a b", "/libs/.", "/libs/x@evil.example"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  EXPECT_EQ(Get("/libs/" + std::string(300, 'a')).status, 404);
  EXPECT_THAT(upstream_.seen(), SizeIs(0));
  upstream_.Respond([](const HttpRequest&) { return HttpResponse{.status = 403}; });
  EXPECT_EQ(Get("/libs/missing.js").status, 404);
  upstream_.Respond([](const HttpRequest&) { return HttpResponse{.status = 500}; });
  EXPECT_EQ(Get("/libs/missing.js").status, 503);
}

TEST(LibraryCache, MakesRoomForWhatIsUsed) {
  LibraryCache cache(10'000);
  const auto file = [](size_t bytes) {
    return std::make_shared<CachedFile>(CachedFile{.body = std::string(bytes, 'x')});
  };
  cache.Put("a", file(4000));
  cache.Put("b", file(4000));
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Put("c", file(4000));
  EXPECT_NE(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_NE(cache.Find("c"), nullptr);
  cache.Put("a", file(100));
  cache.Put("d", file(4000));
  EXPECT_NE(cache.Find("c"), nullptr);
  cache.Put("large", file(20'000));
  EXPECT_EQ(cache.Find("large"), nullptr);
  EXPECT_NE(cache.Find("d"), nullptr);
}

TEST(MaxAge, IsBounded) {
  const absl::Duration hour = absl::Hours(1);
  EXPECT_EQ(MaxAge("", hour), hour);
  EXPECT_EQ(MaxAge("public, Max-Age=300", hour), absl::Minutes(5));
  EXPECT_EQ(MaxAge("max-age=0", hour), absl::Minutes(1));
  EXPECT_EQ(MaxAge("max-age=31536000", hour), absl::Hours(24));
  EXPECT_EQ(MaxAge("max-age=x", hour), hour);
  EXPECT_EQ(MaxAge("no-cache", hour), hour);
}

}  // namespace
}  // namespace millrace::proxy
