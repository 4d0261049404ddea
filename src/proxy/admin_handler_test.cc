#include "proxy/admin_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "base/strings.h"
#include "net/testing/fake_http_client.h"
#include "pipeline/testing/fake_sink.h"
#include "pipeline/testing/plain_destination.h"
#include "proxy/admin_client.h"
#include "proxy/testing/fakes.h"

namespace millrace::proxy {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

using Headers = TestHeaders;

// Waits for a response that is sent later.
class AwaitedResponse final : public PendingResponse {
 public:
  explicit AwaitedResponse(ServerResponse fallback) : reply_(std::move(fallback)) {}
  ~AwaitedResponse() override { done_->Notify(); }
  void Send(ServerResponse reply) override { *result_ = std::move(reply); }

  // Of the copy that the caller keeps.
  struct Wait {
    std::shared_ptr<ServerResponse> result;
    std::shared_ptr<absl::Notification> done;
  };
  Wait wait() {
    *result_ = reply_;
    return {result_, done_};
  }

 private:
  const ServerResponse reply_;
  const std::shared_ptr<ServerResponse> result_ = std::make_shared<ServerResponse>();
  const std::shared_ptr<absl::Notification> done_ = std::make_shared<absl::Notification>();
};

class AdminHandlerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "admin_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    SpoolOptions options;
    options.folder = folder_ + "/spool";
    options.log = {.segment_bytes = 4096, .max_bytes = 1 << 20};
    auto spool = Spool::Open(options, Clock::Real(), {});
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
    ASSERT_TRUE(spool_->SetFollowers({Delivery::FollowerOf(destination_, false)}).ok());
    auto requests = PublicHandler::Make({}, log_, rejected_, pass_through_, Clock::Real());
    ASSERT_TRUE(requests.ok()) << requests.status();
    requests_ = *std::move(requests);
    auto entries = MakeSpoolEntries();
    ASSERT_TRUE(entries.ok()) << entries.status();
    desk_ = std::make_unique<DeadLetterDesk>(
        DeadLetterDeskOptions{.folder = folder_ + "/dead", .spool = spool_->log().id()},
        std::vector<ReplayTarget>{{&destination_, *entries}}, log_, [] { return TokenRules(); },
        Clock::Real());
    Open("secret");
  }
  void TearDown() override {
    handler_ = nullptr;
    spool_ = nullptr;
    std::filesystem::remove_all(folder_);
  }
  void Open(const std::string& token, std::optional<ProxyDemo> demo = std::nullopt,
            std::vector<Destination*> dropped = {}) {
    handler_ =
        std::make_unique<AdminHandler>(AdminParts{.spool = *spool_,
                                                  .deliveries = deliveries_,
                                                  .requests = *requests_,
                                                  .dead_letters = *desk_,
                                                  .connections = [] { return 7; },
                                                  .url = [] { return "http://127.0.0.1:8080"; },
                                                  .demo = std::move(demo),
                                                  .listen_host = "127.0.0.1",
                                                  .token = token,
                                                  .dropped = std::move(dropped),
                                                  .clock = Clock::Real()});
  }

  ServerResponse Send(std::string_view method, std::string_view target, std::string_view body = "",
                      Headers headers = {}) {
    headers.try_emplace("host", "127.0.0.1:9000");
    ServerRequest request = TestRequest(method, target, headers);
    request.body = body;
    ServerResponse reply = handler_->Handle(request);
    if (reply.later == nullptr) return reply;
    auto pending = std::make_shared<AwaitedResponse>(reply);
    const AwaitedResponse::Wait wait = pending->wait();
    reply.later(std::move(pending));
    wait.done->WaitForNotification();
    return *wait.result;
  }
  ServerResponse Get(std::string_view target, const Headers& headers = {}) {
    return Send("GET", target, "", headers);
  }
  ServerResponse Replay(std::string_view body, const std::string& authorization) {
    return Send("POST", "/page/replay", body, {{"authorization", authorization}});
  }

  std::string folder_;
  FakeDestination there_;
  PlainDestination destination_{[this] { return there_.NewSink(); }, "there"};
  FakeAppender log_;
  FakeRejectedRecords rejected_;
  PassThrough pass_through_{{.threads = 1}, [] { return NewCurlHttpClient(); }, Clock::Real()};
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<PublicHandler> requests_;
  std::unique_ptr<DeadLetterDesk> desk_;
  std::unique_ptr<AdminHandler> handler_;
};

class DroppedDestination final : public PlainDestination {
 public:
  DroppedDestination(std::string name, absl::Status status)
      : PlainDestination([] { return nullptr; }, std::move(name)), status_(std::move(status)) {}
  absl::Status Drop(std::stop_token) override {
    ++drops;
    return status_;
  }
  int drops = 0;

 private:
  const absl::Status status_;
};

TEST_F(AdminHandlerTest, DropsOnlyWhenAllowedAndForTheToken) {
  const auto drop = [this](const std::string& authorization) {
    return Send("POST", "/drop", "", {{"authorization", authorization}});
  };
  EXPECT_EQ(drop("Bearer secret").status, 403) << "it is not allowed";
  DroppedDestination good("good", absl::OkStatus());
  DroppedDestination bad("bad", absl::PermissionDeniedError("not the owner of table events"));
  Open("", std::nullopt, {&good, &bad});
  EXPECT_EQ(drop("Bearer ").status, 403) << "there is no token";
  Open("secret", std::nullopt, {&bad, &good});
  EXPECT_EQ(drop("").status, 401);
  EXPECT_EQ(drop("Bearer other").status, 401);
  EXPECT_EQ(Get("/drop", {{"authorization", "Bearer secret"}}).status, 405);
  EXPECT_EQ(good.drops + bad.drops, 0);
  const ServerResponse reply = drop("Bearer secret");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"([{"name":"bad","result":{"status":"error",)"
                        R"("errorMessage":"not the owner of table events"}},)"
                        R"({"name":"good","result":{"status":"success"}}])");
  EXPECT_EQ(good.drops, 1);
}

TEST_F(AdminHandlerTest, ServesThePageAndItsParts) {
  EXPECT_THAT(Get("/").body, HasSubstr("<title>Millrace proxy</title>"));
  const json state = json::parse(Get("/page/state").body);
  EXPECT_EQ(state["destinations"][0]["name"], "there");
  EXPECT_EQ(state["connections"], 7);
  EXPECT_EQ(state["may_replay"], true);
  EXPECT_EQ(state["failure"], "");
  EXPECT_EQ(state["answer_counts"].size(), state["answer_bounds_s"].size() + 1);
  EXPECT_EQ(state.count("demo"), 0);
  EXPECT_EQ(json::parse(Get("/page/records").body)["records"], json::array());
  EXPECT_EQ(json::parse(Get("/page/dead_letters?code=x").body)["codes"], json::object());
  EXPECT_EQ(Get("/page/what").status, 404);
  EXPECT_EQ(Get("/demo").status, 404);
  EXPECT_EQ(Get("/page/replay").status, 405);
  EXPECT_EQ(Send("POST", "/page/state").status, 405);
  for (const char* path : {"/status", "/readyz", "/metrics"}) EXPECT_EQ(Get(path).status, 200);
}

TEST_F(AdminHandlerTest, PagesOfOtherSitesGetNothing) {
  for (const Headers& headers :
       {Headers{{"host", "evil.example.com"}}, Headers{{"origin", "http://evil.example.com"}},
        Headers{{"sec-fetch-site", "cross-site"}}}) {
    for (const char* path : {"/page/state", "/page/records", "/page/dead_letters"}) {
      EXPECT_EQ(Get(path, headers).status, 403) << path;
    }
    Headers with_token = headers;
    with_token["authorization"] = "Bearer secret";
    EXPECT_EQ(Send("POST", "/page/replay", R"({"all":true})", with_token).status, 403);
  }
  // What monitoring reads may have any name.
  EXPECT_EQ(Get("/metrics", {{"host", "proxy.example.com"}}).status, 200);
}

TEST_F(AdminHandlerTest, AReplayNeedsTheToken) {
  for (const char* wrong : {"", "Bearer ", "Bearer secre", "Bearer secret1", "secret"}) {
    EXPECT_EQ(Replay(R"({"all":true})", wrong).status, 401) << wrong;
  }
  for (const char* body : {"", "{}", "[]", "1", R"({"all":false})", R"({"id":1})", R"({"code":""})",
                           R"({"since_ms":"x","all":true})", R"({"other":1})"}) {
    EXPECT_EQ(Replay(body, "Bearer secret").status, 400) << body;
  }
  const ServerResponse reply = Replay(R"({"all":true})", "Bearer secret");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(json::parse(reply.body)["read"], 0);
  Open("");
  EXPECT_EQ(Replay(R"({"all":true})", "Bearer ").status, 403);
  EXPECT_EQ(json::parse(Get("/page/state").body)["may_replay"], false);
}

TEST_F(AdminHandlerTest, AfterAStopNothingIsReplayed) {
  handler_->Stop();
  EXPECT_EQ(Replay(R"({"all":true})", "Bearer secret").status, 503);
  EXPECT_EQ(Get("/page/dead_letters").status, 503);
  EXPECT_EQ(Get("/status").status, 200);
}

TEST_F(AdminHandlerTest, TheDemoMayUseTheProxy) {
  Open("", ProxyDemo{"http://127.0.0.1:1234", "/tmp/lake/"});
  const ServerResponse page = Get("/demo");
  EXPECT_THAT(page.body, HasSubstr("proxy demo"));
  EXPECT_THAT(page.headers[0].second, HasSubstr("connect-src 'self' http://127.0.0.1:8080;"));
  EXPECT_THAT(Get("/").headers[0].second, Not(HasSubstr("8080")));
  EXPECT_EQ(json::parse(Get("/page/state").body)["demo"]["sandbox"], "http://127.0.0.1:1234");
}

TEST(ReplayBody, SaysWhatTheFilterSays) {
  for (const DeadLetterFilter& filter :
       {DeadLetterFilter{}, DeadLetterFilter{.id = "a-1"},
        DeadLetterFilter{.code = "c", .since = absl::FromUnixMillis(1'796'040'000'123)}}) {
    const auto read = ParseReplayBody(ReplayBody(filter));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->id, filter.id);
    EXPECT_EQ(read->code, filter.code);
    EXPECT_EQ(read->since, filter.since);
  }
}

TEST(ReplayResponse, IsReadBackAndShowsNoSecret) {
  ReplayReport report{
      .counts = {.read = 5, .accepted = 2, .rejected = 1, .filtered = 1, .events = 2},
      .not_ours = 3,
      .first_error = "postgres://u:hush@h/d is unavailable"};
  std::string sent;
  FakeHttpClient client([&](const HttpRequest& request) {
    sent = StrCat(request.method, " ", request.url, " ", request.body);
    return HttpResponse{.status = 200, .body = ReplayResponse(report)};
  });
  const auto read = ReplayAtProxy("http://127.0.0.1:9000/", "t", {.code = "c"}, client, {});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->counts.read, 5);
  EXPECT_EQ(read->counts.pending(), 1);
  EXPECT_EQ(read->not_ours, 3);
  EXPECT_EQ(read->first_error, "postgres://u:***@h/d is unavailable");
  EXPECT_EQ(sent, R"(POST http://127.0.0.1:9000/page/replay {"code":"c"})");
}

TEST(ReplayAtProxy, SaysWhatIsWrong) {
  HttpResponse response;
  FakeHttpClient client([&](const HttpRequest&) { return response; });
  for (const auto& [status, code] : {std::pair{401, absl::StatusCode::kUnauthenticated},
                                     {403, absl::StatusCode::kUnauthenticated},
                                     {503, absl::StatusCode::kUnavailable},
                                     {404, absl::StatusCode::kInvalidArgument},
                                     {200, absl::StatusCode::kInvalidArgument}}) {
    response = {.status = status, .body = status == 401 ? R"({"error":"why"})" : "<html>"};
    const auto read = ReplayAtProxy("http://127.0.0.1:9000", "t", {}, client, {});
    EXPECT_EQ(read.status().code(), code) << status << read.status();
    EXPECT_THAT(std::string(ToStd(read.status().message())),
                HasSubstr(status == 401 ? "why" : "not the admin address of a proxy"));
  }
  EXPECT_FALSE(ReplayAtProxy("nonsense", "t", {}, client, {}).ok());
}

}  // namespace
}  // namespace millrace::proxy
