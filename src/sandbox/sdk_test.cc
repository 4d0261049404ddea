// What SDKs use of the sandbox, over real sockets.
#include "absl/strings/escaping.h"
#include "base/percent_encoding.h"
#include "net/url.h"
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Base64(std::string_view text) {
  std::string encoded = absl::Base64Escape(ToAbsl(text));
  return encoded;
}

class SandboxSdkTest : public SandboxTest {};
INSTANTIATE_WITH_BOTH_STORES(SandboxSdkTest);

TEST_P(SandboxSdkTest, TakesTrackInEveryForm) {
  Start();
  const std::string event = TrackEvent("e+/?");
  const std::string base64 = Base64(event);
  constexpr std::string_view kForm = "Content-Type: application/x-www-form-urlencoded\r\n";
  EXPECT_EQ(Post("/track/", StrCat("data=", UrlEncode(base64)), kForm).body, "1");
  EXPECT_EQ(Post("/track", StrCat("data=", base64), kForm).body, "1");
  EXPECT_EQ(Post("/track", StrCat("data=", UrlEncode(event)), kForm).body, "1");
  EXPECT_EQ(Post("/track", StrCat("[", event, ",", event, "]")).body, "1");
  EXPECT_EQ(Post("/track", Gzip(event), "Content-Encoding: gzip\r\n").body, "1");
  EXPECT_EQ(
      Post("/track", Gzip(StrCat("data=", UrlEncode(base64))), "Content-Encoding: gzip\r\n").body,
      "1");
  EXPECT_EQ(Exchange("GET", StrCat("/track?data=", UrlEncode(base64))).body, "1");
  EXPECT_EQ(Post("/track/", StrCat("data=", UrlEncode(base64)),
                 "Content-Type: text/plain;charset=UTF-8\r\n")
                .body,
            "1");
  const Json stats = Stats();
  EXPECT_EQ(stats["by_event"]["e+/?"], 9);
  EXPECT_EQ(stats["unique"], 9);  // ids were made up
}

TEST_P(SandboxSdkTest, FormatsTrackResponsesByTheirParameters) {
  Start();
  EXPECT_EQ(Post("/track", "data=" + UrlEncode(TrackEvent("a")) + "&verbose=1").body,
            R"({"error":null,"status":1})");
  EXPECT_EQ(Post("/track?verbose=1", R"({"event":"a","properties":{}})").body,
            R"({"error":"token, missing or empty","status":0})");
  EXPECT_EQ(Post("/track", "").body, "0");
  EXPECT_EQ(Post("/track?verbose=1", "").body, R"({"error":"data, missing or empty","status":0})");
  EXPECT_EQ(Post("/track?verbose=1", "data=!").status, 200);
  const RawResponse pixel = Post("/track?img=1", TrackEvent("a"));
  EXPECT_EQ(pixel.Header("Content-Type"), "image/gif");
  EXPECT_THAT(pixel.body, AllOf(StartsWith("GIF89a"), SizeIs(43)));
  EXPECT_EQ(Post("/track?callback=f.g", TrackEvent("a")).body, "f.g(1)");
  EXPECT_EQ(Post("/track?callback=alert(1)//", TrackEvent("a")).status, 400);
  // Too old: dropped without a word.
  EXPECT_EQ(Post("/track", R"({"event":"a","properties":{"token":"t","time":1600000000}})").body,
            "1");
  EXPECT_EQ(Stats()["stored"], 4);
  EXPECT_EQ(Stats()["rejected"], 2);
}

TEST_P(SandboxSdkTest, LetsOtherOriginsTrackButNotControl) {
  Start();
  const RawResponse track = Post("/track", TrackEvent("a"), "Origin: http://shop.example\r\n");
  EXPECT_EQ(track.Header("Access-Control-Allow-Origin"), "http://shop.example");
  EXPECT_EQ(track.Header("Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(Exchange("OPTIONS", "/track", "Origin: http://shop.example\r\n").status, 204);

  const std::string own = sandbox_->url();
  for (std::string_view headers :
       {"Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n"}) {
    EXPECT_EQ(Exchange("POST", "/sandbox/reset", headers).status, 403) << headers;
    EXPECT_EQ(Exchange("PUT", "/sandbox/faults", headers, "[\"401\"]").status, 403) << headers;
    EXPECT_EQ(Exchange("DELETE", "/sandbox/faults", headers).status, 403) << headers;
  }
  connection_->Send("GET /sandbox/events HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n");
  EXPECT_EQ(connection_->Receive().status, 403);
  EXPECT_EQ(Stats()["stored"], 1);
  EXPECT_EQ(Exchange("POST", "/sandbox/reset",
                     "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n")
                .status,
            200);
  EXPECT_EQ(Stats()["stored"], 0);
}

TEST_P(SandboxSdkTest, RespondsToFlagsSettingsAndReplayAsIfUnused) {
  Start();
  constexpr std::string_view kOrigin = "Origin: http://shop.example\r\n";
  for (const std::string_view target :
       {"/flags/?context=%7B%7D&token=t", "/flags/definitions", "/settings/?sdk_config=1",
        "/decide", "/record/?format=gzip", "/flags/f1/first-time-events"}) {
    for (const std::string_view method : {"GET", "POST"}) {
      const RawResponse reply =
          Exchange(method, target, kOrigin, method == "POST" ? "\x1f\x8b" : "");
      EXPECT_EQ(reply.status, 200) << target;
      EXPECT_TRUE(Json::parse(reply.body).is_object()) << target;
      EXPECT_EQ(reply.Header("Access-Control-Allow-Origin"), "http://shop.example") << target;
    }
    EXPECT_EQ(Exchange("OPTIONS", target, kOrigin).status, 204) << target;
  }
  EXPECT_EQ(Json::parse(Exchange("GET", "/flags").body), Json::parse(R"({"code":200,"flags":{}})"));
  EXPECT_EQ(Json::parse(Exchange("GET", "/flags/definitions").body)["flags"], Json::array());
}

// Each of these once ended the process: a stack that grew with the depth.
TEST_P(SandboxSdkTest, RefusesRecordsThatAreNestedTooDeeply) {
  Start();
  const auto nested = [](int levels) {
    return StrCat(std::string(levels, '['), std::string(levels, ']'));
  };
  const auto event = [&](std::string_view more) {
    return StrCat(R"({"event":"deep","properties":{"token":"t","distinct_id":"u","time":)",
                  kNow - 100, R"(,"$insert_id":"1","more":)", more, "}}");
  };
  EXPECT_THAT(Import(event(nested(40'000))).body, HasSubstr("nested more than 200 levels deep"));
  EXPECT_THAT(Post("/track?verbose=1", event(nested(100'000))).body, HasSubstr("200 levels"));
  EXPECT_THAT(Post("/track?verbose=1", nested(100'000)).body, HasSubstr("\"status\":0"));
  std::string objects = "1";
  for (int i = 0; i < 40'000; ++i) objects = StrCat(R"({"a":)", std::move(objects), "}");
  EXPECT_THAT(Import(event(objects)).body, HasSubstr("200 levels"));
  EXPECT_EQ(
      Post("/engage", StrCat(R"({"$token":"t","$distinct_id":"u","$set":)", objects, "}")).body,
      "0");
  EXPECT_EQ(Post("/api/query/engage", objects, kAuth).status, 400);
  EXPECT_EQ(Exchange("PUT", "/sandbox/faults", "", nested(100'000)).status, 400);
  EXPECT_EQ(Stats()["stored"], 0);
  EXPECT_EQ(Import(event(nested(190))).status, 200);
}

TEST_P(SandboxSdkTest, TakesEmojiAsTheBrowserSdkEncodesThem) {
  Start();
  // U+1F600 as two surrogates of three bytes each.
  const std::string record =
      StrCat(R"({"event":"smile","properties":{"token":"t","distinct_id":"u","text":"a)",
             "\xED\xA0\xBD\xED\xB8\x80", R"(z"}})");
  EXPECT_EQ(Post("/track/", StrCat("data=", UrlEncode(Base64(record)))).body, "1");
  EXPECT_THAT(Export(), HasSubstr("\"text\":\"a\xF0\x9F\x98\x80z\""));
}

TEST_P(SandboxSdkTest, DropsIgnoredEventsAndReportsSuccess) {
  Start();
  const auto ignored = [](std::string_view value) {
    return StrCat(R"({"event":"i","properties":{"time":)", kNow - 100,
                  R"(,"token":"t","distinct_id":"u","$insert_id":"1","$ignore":)", value, "}}");
  };
  EXPECT_EQ(Json::parse(Import(ignored("true")).body)["num_records_imported"], 1);
  EXPECT_EQ(Post("/track", ignored("1")).body, "1");
  EXPECT_EQ(Export(), "");
  EXPECT_EQ(Import(ignored("false")).status, 200);
  EXPECT_THAT(Export(), HasSubstr("\"event\":\"i\""));
}

}  // namespace
}  // namespace millrace::sandbox
