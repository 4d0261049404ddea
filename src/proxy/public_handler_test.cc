#include "proxy/public_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "base/json_parse.h"
#include "base/percent_encoding.h"
#include "base/strings.h"
#include "io/gzip_encoder.h"
#include "net/testing/fake_http_client.h"
#include "nlohmann/json.hpp"
#include "proxy/testing/fakes.h"

namespace millrace::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kOk = R"({"error":null,"status":1})";
constexpr std::string_view kEvent = R"({"event":"É?>","properties":{"time":1,"$insert_id":"i"}})";

std::string Base64(std::string_view text) { return absl::Base64Escape(ToAbsl(text)); }

std::string Gzip(std::string_view plain) {
  ByteBuffer out;
  GzipEncoder().Encode(plain, &out);
  return std::string(out.view());
}

std::string HeaderOf(const ServerResponse& reply, std::string_view name) {
  for (const auto& [header, value] : reply.headers) {
    if (header == name) return value;
  }
  return "";
}

class PublicHandlerTest : public ::testing::Test {
 protected:
  PublicHandlerTest() { Open({}); }

  void Open(PublicHandlerOptions options) {
    auto made = PublicHandler::Make(std::move(options), log_, rejected_, pass_through_, clock_);
    ASSERT_TRUE(made.ok()) << made.status();
    handler_ = *std::move(made);
  }

  using Headers = TestHeaders;
  // What the server sends at once; if it waits, what is sent later goes to sent_.
  ServerResponse Send(std::string_view method, std::string_view target, std::string_view body = "",
                      const Headers& headers = {}) {
    body_.clear();
    body_.Append(body);
    ServerRequest request = TestRequest(method, target, headers);
    request.body = body_.view();
    request.peer_address = "203.0.113.7";
    ServerResponse reply = handler_->Handle(request);
    if (!body.empty()) std::memset(body_.data(), 'x', body.size());  // it is used again
    if (reply.later == nullptr) return reply;
    const auto later = std::exchange(reply.later, nullptr);
    later(std::make_shared<FakePendingResponse>(reply, &sent_));
    if (sent_.empty()) return reply;
    reply = std::move(sent_.back());
    sent_.pop_back();
    return reply;
  }
  ServerResponse Post(std::string_view target, std::string_view body, const Headers& headers = {}) {
    return Send("POST", target, body, headers);
  }

  FakeClock clock_{absl::FromUnixMillis(1'796'008'365'123)};
  FakeAppender log_;
  FakeRejectedRecords rejected_;
  PassThrough pass_through_{{.threads = 1},
                            [] {
                              return std::make_unique<FakeHttpClient>(
                                  [](const HttpRequest&) { return absl::UnavailableError(""); });
                            },
                            clock_};
  ByteBuffer body_;
  std::vector<ServerResponse> sent_;
  std::unique_ptr<PublicHandler> handler_;
};

TEST_F(PublicHandlerTest, TakesEveryBodyForm) {
  const std::string json = StrCat("[", kEvent, ",", kEvent, "]");
  const std::string base64 = Base64(json);
  const std::string lines = StrCat(kEvent, "\n", kEvent, "\n");
  for (const std::string& body :
       {json, lines, "data=" + UrlEncode(json), "data=" + UrlEncode(base64), "data=" + base64,
        "verbose=0&ip=0&data=" + UrlEncode(base64), "data=" + UrlEncode(lines)}) {
    for (const bool zipped : {false, true}) {
      for (const char* type : {"application/json", "text/plain;charset=UTF-8",
                               "application/x-www-form-urlencoded; charset=utf-8",
                               "application/x-ndjson", "application/octet-stream", ""}) {
        log_.frames.clear();
        Headers headers = {{"content-type", type}};
        if (zipped) headers["content-encoding"] = "gzip";
        const ServerResponse reply = Post("/track/?ip=0", zipped ? Gzip(body) : body, headers);
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(reply.body, "1") << body;
        ASSERT_THAT(log_.frames, SizeIs(1)) << body << type;
        EXPECT_EQ(log_.frames[0].count, 2);
        EXPECT_EQ(log_.frames[0].records, lines) << body;
      }
    }
  }
  log_.frames.clear();
  EXPECT_EQ(Post("/track/?ip=0", Gzip(json)).body, "1");  // without Content-Encoding
  EXPECT_EQ(Send("GET", "/track?ip=0&data=" + UrlEncode(base64)).body, "1");
  EXPECT_EQ(log_.all(), lines + lines);
  EXPECT_THAT(rejected_.records, IsEmpty());
  EXPECT_EQ(handler_->counts().accepted[0], 2 * 7 * 2 * 6 + 4);
}

TEST_F(PublicHandlerTest, AnswersAsEachSdkNeedsIt) {
  const std::string body = "data=" + UrlEncode(kEvent);
  const auto expect = [&](const ServerResponse& reply, std::string_view expected) {
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, expected);
  };
  expect(Post("/track", body), "1");
  expect(Post("/track?verbose=0", body), "1");
  expect(Post("/track?verbose=1", body), kOk);
  expect(Post("/track?verbose=2", body), kOk);
  expect(Post("/track", body + "&verbose=1"), kOk);
  expect(Send("GET", StrCat("/track?verbose=1&", body)), kOk);
  expect(Send("GET", StrCat("/track?callback=a.b&", body)), "a.b(1)");
  expect(Send("GET", StrCat("/track?callback=alert%28&", body)), "1");
  expect(Send("GET", StrCat("/track?redirect=https%3A%2F%2Fevil.example&", body)), "1");
  const ServerResponse pixel = Send("GET", StrCat("/track?img=1&", body));
  EXPECT_EQ(pixel.content_type, "image/gif");
  EXPECT_THAT(pixel.body, StartsWith("GIF89a"));
  EXPECT_EQ(Send("PUT", "/track", body).status, 405);
}

TEST_F(PublicHandlerTest, AnswersWithResultsOnRequest) {
  Open({.result_names = {"mixpanel", "a \"topic\""}});
  constexpr std::string_view kResults = R"([{"name":"mixpanel","result":{"status":"success"}},)"
                                        R"({"name":"a \"topic\"","result":{"status":"success"}}])";
  EXPECT_EQ(Post("/track?verbose=1", kEvent).body, kResults);
  EXPECT_EQ(Post("/engage", R"({"$token":"t","$distinct_id":"u","$set":{"a":1}})").body, kResults);
  EXPECT_THAT(Post("/import?strict=1", kEvent).body, HasSubstr("num_records_imported"));
  EXPECT_EQ(Post("/track", "[]").body, "0");
}

TEST_F(PublicHandlerTest, WritesEachTypeAsItsOwn) {
  EXPECT_EQ(Post("/engage?ip=1", R"([{"$token":"t","$distinct_id":"u","$set":{"a":1}}])").body,
            "1");
  EXPECT_EQ(Post("/groups/?ip=0", R"({"$group_key":"k","$group_id":"g","$set":{"a":1}})").body,
            "1");
  ASSERT_THAT(log_.frames, SizeIs(2));
  EXPECT_EQ(log_.frames[0].type, RecordType::kUser);
  EXPECT_EQ(
      log_.frames[0].records,
      "{\"$token\":\"t\",\"$distinct_id\":\"u\",\"$set\":{\"a\":1},\"$ip\":\"203.0.113.7\"}\n");
  EXPECT_EQ(log_.frames[1].type, RecordType::kGroup);
  EXPECT_EQ(log_.frames[1].records,
            "{\"$group_key\":\"k\",\"$group_id\":\"g\",\"$set\":{\"a\":1}}\n");
}

TEST_F(PublicHandlerTest, AddsTheAddressUnlessTheRequestSaysNo) {
  const auto ip_of = [&](std::string_view target, std::string_view body) {
    log_.frames.clear();
    Post(target, body);
    return ParseJson(TrimBlanks(log_.all())).value()["properties"].value("ip", "none");
  };
  EXPECT_EQ(ip_of("/track", kEvent), "203.0.113.7");
  EXPECT_EQ(ip_of("/track?ip=1", kEvent), "203.0.113.7");
  EXPECT_EQ(ip_of("/track?ip=0", kEvent), "none");
  EXPECT_EQ(ip_of("/track", StrCat("ip=0&data=", UrlEncode(kEvent))), "none");
  EXPECT_EQ(ip_of("/track", R"({"event":"E","properties":{"ip":"0"}})"), "0");
  EXPECT_EQ(ip_of("/import", kEvent), "none");
  EXPECT_EQ(ip_of("/import?ip=1", kEvent), "203.0.113.7");
}

TEST_F(PublicHandlerTest, KeepsBadRecordsAndAnswersSuccess) {
  const std::string batch = StrCat("[", kEvent, ",{\"event\":5},", kEvent, "]");
  EXPECT_EQ(Post("/track?verbose=1", batch).body, kOk);
  EXPECT_EQ(log_.frames[0].count, 2);
  ASSERT_THAT(rejected_.records, SizeIs(1));
  EXPECT_EQ(rejected_.records[0].code, "missing_event_name");
  EXPECT_EQ(rejected_.records[0].payload, "{\"event\":5}");
  // Bodies that no decoder understands, and records that are all bad.
  for (std::string_view body : {"{}", "hello", "data=%%%", "data=aGVsbG8=", "[1,2", "\xff\xfe\x00",
                                "{\"event\":\"E\",\"properties\":{\"time\":\"soon\"}}"}) {
    const size_t before = rejected_.records.size();
    const ServerResponse reply = Post("/track", body);
    EXPECT_EQ(reply.status, 200) << body;
    EXPECT_EQ(reply.body, "1") << body;
    EXPECT_GT(rejected_.records.size(), before) << body;
  }
  EXPECT_EQ(Post("/track", "data=!!&verbose=1").body, kOk);
  EXPECT_EQ(Post("/track", "gzip?", {{"content-encoding", "br"}}).body, "1");
  EXPECT_EQ(rejected_.records.back().payload, "gzip?");
  EXPECT_THAT(log_.frames, SizeIs(1));
  // Nothing was sent.
  for (std::string_view body : {"", "data=", "[]"}) EXPECT_EQ(Post("/track", body).body, "0");
  const PublicCounts& counts = handler_->counts();
  EXPECT_EQ(counts.received[0], counts.accepted[0] + counts.rejected[0]);
}

TEST_F(PublicHandlerTest, KeepsTheRestOfManyBadRecordsAsOne) {
  std::string batch = "[0";
  for (int i = 1; i < 3000; ++i) batch += StrCat(",", i);
  EXPECT_EQ(Post("/track", StrCat(batch, ",", kEvent, ",\"last\"]")).body, "1");
  ASSERT_THAT(rejected_.records, SizeIs(2000));
  EXPECT_EQ(rejected_.records[1998].payload, "1998");
  const KeptRejection& rest = rejected_.records[1999];
  EXPECT_THAT(rest.payload, StartsWith("1999,2000,"));
  EXPECT_THAT(rest.payload, EndsWith(StrCat(",2999,", kEvent, ",\"last\"")));
  EXPECT_THAT(rest.message, HasSubstr("in which 1001 more records are rejected"));
  const PublicCounts& counts = handler_->counts();
  EXPECT_EQ(counts.rejected[0], 3001);
  EXPECT_EQ(counts.accepted[0], 1);
}

TEST_F(PublicHandlerTest, WaitsForAllOfTheRequest) {
  log_.holds = rejected_.holds = true;
  const ServerResponse fallback =
      Post("/track", StrCat("[", kEvent, ",{}]"), {{"origin", "https://a.example"}});
  EXPECT_EQ(fallback.status, 503);
  EXPECT_EQ(HeaderOf(fallback, "Retry-After"), "10");
  EXPECT_EQ(HeaderOf(fallback, "Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(fallback.later_timeout, absl::Seconds(30));
  EXPECT_GT(handler_->counts().bytes_in_flight, 0);
  log_.Release();
  EXPECT_THAT(sent_, IsEmpty());
  rejected_.waiting[0](absl::OkStatus());
  ASSERT_THAT(sent_, SizeIs(1));
  EXPECT_EQ(sent_[0].status, 200);
  EXPECT_EQ(sent_[0].body, "1");
  EXPECT_EQ(HeaderOf(sent_[0], "Access-Control-Allow-Origin"), "https://a.example");
  rejected_.waiting.clear();
  EXPECT_EQ(handler_->counts().bytes_in_flight, 0);
}

TEST_F(PublicHandlerTest, TellsTheClientToSendAgain) {
  log_.status = absl::ResourceExhaustedError("full");
  const Headers origin = {{"origin", "https://a.example"}};
  for (const char* target : {"/track", "/import?strict=1", "/track?img=1"}) {
    const ServerResponse reply = Post(target, kEvent, origin);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(HeaderOf(reply, "Retry-After"), "10");
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "https://a.example");
  }
  log_.status = absl::OkStatus();
  rejected_.status = absl::UnavailableError("disk");
  EXPECT_EQ(Post("/track", StrCat("[", kEvent, ",{}]")).status, 503);
  EXPECT_EQ(handler_->counts().refused_by_log, 4);
}

TEST_F(PublicHandlerTest, RefusesWhatExceedsTheBudget) {
  Open({.max_bytes_in_flight = 200});
  log_.holds = true;
  EXPECT_EQ(Post("/track", StrCat("[", kEvent, ",", kEvent, "]")).status, 503);
  EXPECT_THAT(log_.waiting, SizeIs(1));
  const ServerResponse refused = Post("/track", StrCat("[", kEvent, ",", kEvent, "]"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(HeaderOf(refused, "Retry-After"), "10");
  EXPECT_THAT(log_.waiting, SizeIs(1));
  EXPECT_EQ(handler_->counts().refused_by_budget, 1);
  log_.Release();
  log_.holds = false;
  EXPECT_EQ(Post("/track", kEvent).status, 200);
}

TEST_F(PublicHandlerTest, OutlivesItsClientsAndIsOutlivedByAcknowledgements) {
  log_.holds = true;
  Post("/track", kEvent);
  clock_.Advance(absl::Minutes(1));  // the server has sent the fallback
  log_.Release();
  EXPECT_EQ(handler_->counts().late, 1);
  Post("/track", kEvent);
  sent_.clear();
  handler_ = nullptr;
  log_.Release();
  EXPECT_THAT(sent_, SizeIs(1));
}

TEST_F(PublicHandlerTest, SplitsLargeRequestsIntoFrames) {
  Open({.max_frame_bytes = 300});
  std::string batch = "[";
  for (int i = 0; i < 10; ++i) StrAppend(&batch, i == 0 ? "" : ",", kEvent);
  log_.holds = true;
  Post("/track?ip=0", batch + "]");
  EXPECT_THAT(log_.frames, SizeIs(2));
  uint32_t count = 0;
  for (const FakeAppender::Kept& frame : log_.frames) {
    EXPECT_LE(frame.records.size(), 300);
    EXPECT_EQ(frame.count, std::count(frame.records.begin(), frame.records.end(), '\n'));
    count += frame.count;
  }
  EXPECT_EQ(count, 10);
  ASSERT_THAT(log_.waiting, SizeIs(1)) << "all of them are in the log, or none is";
  EXPECT_THAT(sent_, IsEmpty());
  log_.Release();
  ASSERT_THAT(sent_, SizeIs(1));
  EXPECT_EQ(sent_[0].status, 200);
  EXPECT_EQ(handler_->counts().accepted[0], 10);
}

TEST_F(PublicHandlerTest, TellsImportsOfEachEvent) {
  EXPECT_EQ(Post("/import?strict=1", StrCat("[", kEvent, ",", kEvent, "]")).body,
            R"({"code":200,"num_records_imported":2,"status":"OK"})");
  EXPECT_EQ(Post("/import", kEvent).body, R"({"code":200,"num_records_imported":1,"status":"OK"})");
  const ServerResponse partial = Post(
      "/import?strict=1&verbose=1",
      StrCat("[", kEvent, R"(,{"event":"E","properties":{"$insert_id":"x"}},{"event":""},7])"));
  EXPECT_EQ(partial.status, 400);
  EXPECT_EQ(
      partial.body,
      R"({"code":400,"error":"some data points in the request failed validation","failed_records":[)"
      R"({"index":1,"insert_id":"x","field":"properties.time","message":"'properties.time' must not be missing"},)"
      R"({"index":2,"insert_id":"","field":"event","message":"'event' must not be missing or blank"},)"
      R"({"index":3,"insert_id":"","field":"","message":"the record is not a JSON object"}],)"
      R"("num_records_imported":1,"status":"Bad Request"})");
  EXPECT_THAT(rejected_.records, SizeIs(3));
  // As SDKs of servers ask for it.
  EXPECT_EQ(Post("/import?strict=0", kEvent).body, "1");
  EXPECT_EQ(Post("/import", "data=" + UrlEncode(Base64(kEvent))).body, "1");
  EXPECT_EQ(Post("/import", "verbose=1&data=" + UrlEncode(kEvent)).body, kOk);
  log_.frames.clear();
  for (const std::string_view unreadable : {"hello", "data=!!!", "data=aGVsbG8%3D"}) {
    const ServerResponse refused = Post("/import", std::string(unreadable));
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr(R"("failed_records":[],"num_records_imported":0)"));
  }
  EXPECT_THAT(log_.frames, IsEmpty());
}

TEST_F(PublicHandlerTest, AnswersTooLargeBodiesSoThatNothingIsLost) {
  Open({.max_body_bytes = 100});
  const std::string large(200, ' ');
  const Headers form = {{"content-type", "application/x-www-form-urlencoded"}};
  const Headers json = {{"content-type", "application/json"}, {"origin", "https://a.example"}};
  EXPECT_EQ(Post("/track", large, form).status, 413);
  EXPECT_EQ(Post("/import", large, json).status, 413);
  const ServerResponse kept = Post("/track", large, json);
  EXPECT_EQ(kept.status, 503);
  EXPECT_EQ(HeaderOf(kept, "Retry-After"), "600");
  EXPECT_EQ(HeaderOf(kept, "Access-Control-Allow-Origin"), "https://a.example");
  Headers bomb = json;
  bomb["content-encoding"] = "gzip";
  EXPECT_EQ(Post("/import", Gzip(std::string(10 << 20, ' ')), bomb).status, 413);
  EXPECT_EQ(handler_->counts().too_large, 4);
  EXPECT_THAT(rejected_.records, IsEmpty());

  ServerRequest request;
  request.method = "POST";
  request.path = "/track";
  request.header = [&](std::string_view name) -> std::string_view {
    const auto found = json.find(name);
    return found == json.end() ? std::string_view() : std::string_view(found->second);
  };
  ServerResponse refusal{.status = 413};
  handler_->OnRefusal(request, &refusal);
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(HeaderOf(refusal, "Access-Control-Allow-Origin"), "https://a.example");
  ServerResponse timeout{.status = 408};
  handler_->OnRefusal(request, &timeout);
  EXPECT_EQ(timeout.status, 408);
  EXPECT_EQ(HeaderOf(timeout, "Access-Control-Allow-Origin"), "https://a.example");
}

TEST_F(PublicHandlerTest, AnswersTheOtherPaths) {
  const Headers origin = {{"origin", "https://a.example"}};
  struct Case {
    std::string_view target;
    int status;
    std::string_view body;
  };
  for (const auto& [target, status, body] :
       {Case{"/", 200, R"({"status":"OK"})"}, Case{"/healthz", 200, R"({"status":"OK"})"},
        Case{"/ping", 200, R"({"status":"OK","message":"pong","version":"1.0.0"})"},
        Case{"/flags/?token=t", 200, R"({"code":200,"flags":{}})"},
        Case{"/flags/definitions", 200, R"({"code":200,"flags":[]})"},
        Case{"/flags/x/first-time-events", 200, R"({"code":200,"status":"OK"})"},
        Case{"/record/?seq=1", 200, R"({"code":200,"status":"OK"})"},
        Case{"/settings", 200, R"({"recording":{"is_enabled":true},"sdk_config":{"config":{}}})"},
        Case{"/decide", 200, "{}"}}) {
    for (const char* method : {"GET", "POST"}) {
      const ServerResponse reply = Send(method, target, "", origin);
      EXPECT_EQ(reply.status, status) << target;
      EXPECT_EQ(reply.body, body) << target;
      EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "https://a.example") << target;
    }
  }
  for (const char* target : {"/drop", "/status", "/metrics", "/lib.min.js", "/libs/../x"}) {
    const ServerResponse reply = Send("GET", target, "", origin);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_EQ(HeaderOf(reply, "Access-Control-Allow-Origin"), "https://a.example") << target;
  }
  const ServerResponse preflight = Send("OPTIONS", "/record/", "", origin);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(HeaderOf(preflight, "Access-Control-Allow-Origin"), "https://a.example");
}

TEST_F(PublicHandlerTest, UsesPrefixesTokensAndTrustedProxies) {
  ClientAddressOptions addresses;
  addresses.trusted_proxies = {*AddressRange::Parse("203.0.113.0/24")};
  Open({.routes = {.prefixes = {"/_mp/api"}, .aliases = {{"/t", "/track"}}},
        .addresses = std::move(addresses)});
  handler_->SetTokens({.allowed = {"good"}});
  EXPECT_EQ(Post("/_mp/api/t/", R"({"event":"E","properties":{"token":"good"}})",
                 {{"x-forwarded-for", "9.9.9.9"}})
                .body,
            "1");
  EXPECT_THAT(log_.all(), HasSubstr(R"("ip":"9.9.9.9")"));
  EXPECT_EQ(Post("/t", R"({"event":"E","properties":{"token":"bad"}})").body, "1");
  ASSERT_THAT(rejected_.records, SizeIs(1));
  EXPECT_EQ(rejected_.records[0].code, "token_refused");
  log_.frames.clear();
  // The token of the Authorization is known; a secret is not stored.
  const auto basic = [](std::string_view user) {
    return Headers{{"authorization", "Basic " + Base64(StrCat(user, ":"))}};
  };
  EXPECT_EQ(Post("/import", kEvent, basic("good")).status, 200);
  EXPECT_THAT(log_.all(), HasSubstr(R"("token":"good")"));
  EXPECT_EQ(Post("/import", kEvent, basic("secret")).status, 400);
}

TEST_F(PublicHandlerTest, TakesOtherRulesWhileItRuns) {
  Open({.routes = {.prefixes = {"/before"}}});
  handler_->SetTokens({.allowed = {"good"}});
  const std::string event = R"({"event":"E","properties":{"token":"good"}})";
  const Headers page = {{"origin", "https://b.example"}};
  EXPECT_EQ(HeaderOf(Post("/before/track", event, page), "Access-Control-Allow-Origin"),
            "https://b.example");

  PublicHandlerOptions other{.routes = {.prefixes = {"/after"}},
                             .allowed_origins = {"https://a.example"}};
  other.addresses.trusted_proxies = {*AddressRange::Parse("203.0.113.0/24")};
  ASSERT_TRUE(handler_->SetRules(other).ok());
  EXPECT_EQ(Post("/before/track", event).status, 404);
  log_.frames.clear();
  EXPECT_EQ(HeaderOf(Post("/after/track", event,
                          {{"origin", "https://b.example"}, {"x-forwarded-for", "9.9.9.9"}}),
                     "Access-Control-Allow-Origin"),
            "https://a.example");
  EXPECT_THAT(log_.all(), HasSubstr(R"("ip":"9.9.9.9")"));
  EXPECT_THAT(rejected_.records, IsEmpty());
  Post("/after/track", R"({"event":"E","properties":{"token":"bad"}})");
  EXPECT_THAT(rejected_.records, SizeIs(1)) << "the rules of tokens stay";

  other.routes.prefixes = {"no slash"};
  EXPECT_TRUE(absl::IsInvalidArgument(handler_->SetRules(other)));
  EXPECT_EQ(Post("/after/track", event).status, 200);
}

TEST_F(PublicHandlerTest, SurvivesHostileBodies) {
  for (const std::string& body : std::initializer_list<std::string>{
           std::string(1'000'000, '['), std::string(1'000'000, '{'), std::string(1'000'000, '"'),
           std::string(1'000'000, '\0'), "[" + std::string(1'000'000, ','),
           std::string(100'000, '&'), "data=" + std::string(1'000'000, '%'),
           "{\"event\":\"E\",\"properties\":{\"x\":" + std::string(500'000, '9') + "}}",
           "[{\"event\":\"E\",\"properties\":{\"x\":1e99999}}]",
           "{\"event\":\"\\u0000\",\"properties\":{\"\\u0000\":\"\\u0000\"}}"}) {
    const int expected = body.starts_with("[,") ? 413 : 200;
    EXPECT_EQ(Post("/track", body).status, expected);
    EXPECT_EQ(Post("/engage", body).status, expected);
    EXPECT_LE(Post("/import", body).status, 413);
  }
  const PublicCounts& counts = handler_->counts();
  for (const size_t type : {0, 1}) {
    EXPECT_EQ(counts.received[type], counts.accepted[type] + counts.rejected[type]);
  }
  // Cut at every byte: it is read or kept.
  const std::string body = StrCat("[", kEvent, ",", kEvent, "]");
  for (size_t size = 1; size <= body.size(); ++size) {
    log_.frames.clear();
    rejected_.records.clear();
    EXPECT_EQ(Post("/track", body.substr(0, size)).body, "1");
    EXPECT_GT(log_.frames.size() + rejected_.records.size(), 0u) << size;
  }
}

TEST_F(PublicHandlerTest, NeedsRoutesAndOriginsThatAreSome) {
  const auto make = [&](PublicHandlerOptions options) {
    return PublicHandler::Make(std::move(options), log_, rejected_, pass_through_, clock_).status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(make({.allowed_origins = {"*"}})));
  EXPECT_TRUE(absl::IsInvalidArgument(make({.routes = {.prefixes = {"x"}}})));
}

}  // namespace
}  // namespace millrace::proxy
