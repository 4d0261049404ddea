// The server APIs of the sandbox over real sockets: what programs with credentials use.
#include <filesystem>

#include "absl/strings/escaping.h"
#include "base/percent_encoding.h"
#include "io/decompress.h"
#include "net/url.h"
#include "sandbox/profile_update.h"
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string Base64(std::string_view text) {
  std::string encoded = absl::Base64Escape(ToAbsl(text));
  return encoded;
}

INSTANTIATE_WITH_BOTH_STORES(SandboxTest);

TEST_P(SandboxTest, ExportsWhatWasImported) {
  Start();
  const RawResponse reply = Import(StrCat(Event("a", "id-1"), "\n", Event("b", "id-2"), "\n"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"code":200,"num_records_imported":2,"status":"OK"})");
  EXPECT_EQ(Export(),
            "{\"event\":\"a\",\"properties\":{\"time\":1699999900,\"distinct_id\":\"u1\","
            "\"$insert_id\":\"id-1\",\"mp_processing_time_ms\":1700000000000,\"$import\":true,"
            "\"$mp_api_endpoint\":\"api.mixpanel.com\",\"$mp_api_timestamp_ms\":1700000000000}}\n"
            "{\"event\":\"b\",\"properties\":{\"time\":1699999900,\"distinct_id\":\"u1\","
            "\"$insert_id\":\"id-2\",\"mp_processing_time_ms\":1700000000000,\"$import\":true,"
            "\"$mp_api_endpoint\":\"api.mixpanel.com\",\"$mp_api_timestamp_ms\":1700000000000}}\n");
}

TEST_P(SandboxTest, KeepsDuplicatesAndCountsThemOnce) {
  Start();
  Import(StrCat("[", Event("a", "id-1"), ",", Event("a", "id-1"), "]"));
  Import(Event("a", "id-1", (kNow - 100) * 1000));  // the same time in milliseconds
  Import(Event("a", "id-1", kNow - 99));
  const Json stats = Stats();
  EXPECT_EQ(stats["received"], 4);
  EXPECT_EQ(stats["stored"], 4);
  EXPECT_EQ(stats["unique"], 2);
  EXPECT_EQ(stats["rejected"], 0);
  EXPECT_EQ(stats["requests"], 3);
  EXPECT_EQ(stats["by_event"]["a"], 4);
  const std::string lines = Export();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
}

TEST_P(SandboxTest, TakesTheGoodEventsOfABatch) {
  Start();
  const RawResponse reply = Import(
      StrCat("[", Event("ok", "1-a"), ",", Event(" ", "2-a"), ",", Event("ok", "no:good"), ",7]"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(Json::parse(reply.body),
            Json::parse(R"({"code":400,"error":"some data points in the request failed validation",
        "failed_records":[
          {"index":1,"insert_id":"2-a","field":"event","message":"'event' must not be missing or blank"},
          {"index":2,"insert_id":"no:good","field":"$insert_id","message":
           "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters"},
          {"index":3,"insert_id":"","field":"","message":"the record is not a JSON object"}],
        "num_records_imported":1,"status":"Bad Request"})"));
  const Json stats = Stats();
  EXPECT_EQ(stats["received"], 4);
  EXPECT_EQ(stats["stored"], 1);
  EXPECT_EQ(stats["rejected"], 3);
  const Json rejected = Json::parse(Exchange("GET", "/sandbox/rejected").body);
  EXPECT_THAT(rejected["rejected"], SizeIs(3));
  EXPECT_EQ(rejected["rejected"][2]["record"], "7");
  EXPECT_EQ(rejected["cursor"], 3);
}

TEST_P(SandboxTest, SendsShortResponsesWithoutStrict) {
  Start();
  EXPECT_EQ(Post("/import?strict=0", Event("a", "1"), kAuth).body, "1");
  EXPECT_EQ(Post("/import", Event("", "1"), kAuth).body, "0");
  EXPECT_EQ(Post("/import/?verbose=1", Event("a", "1"), kAuth).body,
            R"({"error":null,"status":1})");
  EXPECT_EQ(Post("/import", StrCat("data=", UrlEncode(Event("a", "2")), "&verbose=1"), kAuth).body,
            R"({"error":null,"status":1})");
  EXPECT_EQ(Stats()["stored"], 3);
}

TEST_P(SandboxTest, RequiresCredentials) {
  Start();
  const RawResponse none = Post(kStrict, Event("a", "1"));
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.body, R"({"code":401,"error":"Invalid credentials","status":"Unauthorized"})");
  EXPECT_EQ(Exchange("GET", kExport).status, 401);
  EXPECT_EQ(Post("/api/query/engage", "").status, 401);
  EXPECT_EQ(Post(kStrict, Event("a", "1"), "Authorization: Basic YW55dGhpbmc6\r\n").status, 200);
}

TEST_P(SandboxTest, RequiresItsToken) {
  options_.token = "token";
  options_.service_account = "user:secret";
  Start();
  const std::string account = StrCat("Authorization: Basic ", Base64("user:secret"), "\r\n");
  const std::string wrong = StrCat("Authorization: Basic ", Base64("wrong:"), "\r\n");
  EXPECT_EQ(Import(Event("a", "1")).status, 200);
  EXPECT_EQ(Post(kStrict, Event("a", "1"), wrong).status, 401);
  EXPECT_EQ(Post(kStrict, Event("a", "1"), account).status, 401);
  EXPECT_EQ(Post("/import?strict=1&project_id=1", Event("a", "1"), account).status, 200);
  EXPECT_EQ(Exchange("GET", StrCat(kExport, "&project_id=1"), account).status, 200);
  EXPECT_EQ(Exchange("GET", kExport, wrong).status, 401);
  EXPECT_EQ(Post("/track", TrackEvent("a")).body, "1");  // never looks at the token's value
}

TEST_P(SandboxTest, EnforcesTheLimits) {
  Start();
  std::string body;
  for (int i = 0; i < 2000; ++i) body += Event("a", StrCat("id-", i)) + "\n";
  EXPECT_EQ(Import(body).status, 200);
  EXPECT_EQ(Import(body + Event("a", "one-more")).status, 413);
  const std::string huge = std::string((10 << 20) + 1, ' ');
  const RawResponse reply = Import(huge);
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, R"({"code":413,"error":"request exceeds max limit of 10485760 bytes",)"
                        R"("status":"Request Entity Too Large"})");
  EXPECT_EQ(Post(kStrict, Gzip(huge), StrCat(kAuth, "Content-Encoding: gzip\r\n")).status, 413);
  EXPECT_EQ(Stats()["stored"], 2000);
}

TEST_P(SandboxTest, ReadsGzipOnly) {
  Start();
  const std::string event = Event("a", "1");
  EXPECT_EQ(Post(kStrict, Gzip(event), StrCat(kAuth, "Content-Encoding: gzip\r\n")).status, 200);
  EXPECT_EQ(Post(kStrict, event, StrCat(kAuth, "Content-Encoding: br\r\n")).status, 400);
  EXPECT_EQ(Post(kStrict, "broken", StrCat(kAuth, "Content-Encoding: gzip\r\n")).status, 400);
  EXPECT_EQ(Import("[" + event).status, 400);
  EXPECT_EQ(Stats()["stored"], 1);
}

TEST_P(SandboxTest, RejectsServerApiRequestsFromOtherSites) {
  Start();
  const std::string event = Event("a", "1");
  for (std::string_view headers :
       {"Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"}) {
    EXPECT_EQ(Post("/import?strict=1&api_key=k", event, headers).status, 403) << headers;
    EXPECT_EQ(Post("/api/query/engage?api_key=k", "", headers).status, 403) << headers;
    EXPECT_EQ(Exchange("GET", StrCat(kExport, "&api_key=k"), headers).status, 403) << headers;
  }
  for (std::string_view target : {std::string_view("/api/2.0/engage"), kExport, kStrict}) {
    connection_->Send(
        StrCat("GET ", target, " HTTP/1.1\r\nHost: rebound.example:80\r\n", kAuth, "\r\n"));
    EXPECT_EQ(connection_->Receive().status, 403) << target;
  }
  EXPECT_EQ(Stats()["stored"], 0);
  EXPECT_EQ(Post("/import?strict=1&api_key=k", event).status, 200);
}

TEST_P(SandboxTest, TakesEngageQueriesInEveryForm) {
  Start();
  ASSERT_EQ(Post("/engage", R"([{"$token":"t","$distinct_id":"u1","$set":{"a":1}},
                                {"$token":"t","$distinct_id":"u2","$set":{"a":2}}])")
                .body,
            "1");
  const auto ids = [&](const RawResponse& reply) {
    std::vector<std::string> ids;
    const Json body = Json::parse(reply.body);
    for (const Json& profile : body["results"]) {
      ids.push_back(profile["$distinct_id"]);
    }
    return ids;
  };
  const std::string both = R"({"distinct_ids":["u2"],"page":0,"session_id":null})";
  EXPECT_THAT(ids(Post("/api/query/engage", both, kAuth)), ElementsAre("u2"));
  EXPECT_THAT(ids(Post("/api/2.0/engage", "distinct_ids=%5B%22u1%22%5D", kAuth)),
              ElementsAre("u1"));
  EXPECT_THAT(ids(Exchange("GET", "/api/2.0/engage?distinct_id=u1", kAuth)), ElementsAre("u1"));
  EXPECT_THAT(ids(Exchange("GET", "/api/2.0/engage", kAuth)), SizeIs(2));
  EXPECT_EQ(Post("/api/query/engage", "{\"page\":", kAuth).status, 400);
}

TEST_P(SandboxTest, GeneratesAMissingInsertIdUnlessStrict) {
  Start();
  const std::string event =
      StrCat(R"({"event":"a","properties":{"time":)", kNow - 100, R"(,"distinct_id":"u"}})");
  EXPECT_EQ(Import(event).status, 400);
  EXPECT_EQ(Post("/import?strict=0", event, kAuth).body, "1");
  EXPECT_THAT(Export(), HasSubstr("\"$insert_id\":\""));
}

TEST_P(SandboxTest, KeepsItsFileForItsOwner) {
  if (!GetParam()) GTEST_SKIP() << "memory has no file";
  Start();
  Import(Event("a", "1"));
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    using std::filesystem::perms;
    const perms others = file.status().permissions() & (perms::group_all | perms::others_all);
    EXPECT_EQ(others, perms::none) << file.path();
    ++files;
  }
  EXPECT_GT(files, 0);
}

TEST_P(SandboxTest, FiltersExports) {
  Start();
  Import(StrCat(Event("a", "1", kNow - 86400 * 3), "\n", Event("b", "2", kNow - 86400 * 2), "\n",
                Event("a", "3", (kNow - 86400) * 1000 + 7)));
  const auto count = [&](std::string_view target) {
    const std::string body = Exchange("GET", target, kAuth).body;
    return std::count(body.begin(), body.end(), '\n');
  };
  EXPECT_EQ(count("/api/2.0/export?from_date=2023-11-11&to_date=2023-11-11"), 1);
  EXPECT_EQ(count("/api/2.0/export?from_date=2023-11-11&to_date=2023-11-12"), 2);
  EXPECT_EQ(count(StrCat(kExport, "&event=", UrlEncode("[\"a\"]"))), 2);
  EXPECT_EQ(count(StrCat(kExport, "&limit=1")), 1);
  EXPECT_THAT(Export("&time_in_ms=true"), HasSubstr("\"time\":1699913600007,"));
  EXPECT_THAT(Export(), HasSubstr("\"time\":1699913600,"));

  for (std::string_view bad :
       {"/api/2.0/export", "/api/2.0/export?from_date=2023-11-11", "from_date=x&to_date=y",
        "/api/2.0/export?from_date=2023-11-12&to_date=2023-11-11"}) {
    EXPECT_THAT(Exchange("GET", bad, kAuth).status, ::testing::AnyOf(400, 404)) << bad;
  }
  const RawResponse later =
      Exchange("GET", "/api/2.0/export?from_date=2023-11-11&to_date=2023-11-15", kAuth);
  EXPECT_EQ(later.status, 400);
  EXPECT_EQ(later.body, "to_date cannot be later than today");
  EXPECT_EQ(Exchange("GET", StrCat(kExport, "&where=x"), kAuth).status, 400);
}

TEST_P(SandboxTest, StreamsLargeExportsPlainAndCompressed) {
  Start();
  constexpr int kEvents = 10'000;
  for (int batch = 0; batch < 5; ++batch) {
    std::string body;
    for (int i = 0; i < kEvents / 5; ++i) {
      body += Event("large", StrCat("id-", batch, "-", i)) + "\n";
    }
    ASSERT_EQ(Import(body).status, 200);
  }
  const RawResponse plain = Exchange("GET", kExport, kAuth);
  EXPECT_TRUE(plain.whole);
  EXPECT_EQ(std::count(plain.body.begin(), plain.body.end(), '\n'), kEvents);
  EXPECT_EQ(plain.Header("Content-Encoding"), "");
  const RawResponse zipped =
      Exchange("GET", kExport, StrCat(kAuth, "Accept-Encoding: deflate, gzip\r\n"));
  EXPECT_EQ(zipped.Header("Content-Encoding"), "gzip");
  EXPECT_LT(zipped.body.size(), plain.body.size() / 4);
  ByteBuffer inflated;
  ASSERT_TRUE(GunzipTo(zipped.body, 1 << 30, &inflated).ok());
  EXPECT_TRUE(inflated.view() == plain.body);
  const RawResponse small =
      Exchange("GET", StrCat(kExport, "&limit=1"), StrCat(kAuth, "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(small.Header("Content-Encoding"), "");
}

TEST_P(SandboxTest, AppliesProfileUpdatesAndShowsThem) {
  Start();
  const std::string updates = R"([
    {"$token":"t","$distinct_id":"ann","$set":{"name":"Ann","age":1}},
    {"$token":"t","$distinct_id":7,"$add":{"n":2}},
    {"$token":"t","$distinct_id":"ann","$add":{"age":4}}])";
  EXPECT_EQ(Post("/engage/", updates).body, "1");
  EXPECT_EQ(Post("/engage", "data=" + Base64(updates)).body, "1");
  EXPECT_EQ(Post("/engage?verbose=1", R"([{"$token":"t","$set":{}}])").body,
            R"({"error":"$distinct_id, missing or empty","status":0})");
  EXPECT_EQ(Post("/engage?verbose=1&strict=1",
                 R"([{"$token":"t","$set":{}},{"$token":"t","$distinct_id":"b","$set":{"x":1}}])")
                .body,
            R"({"code":400,"error":"some data points in the request failed validation",)"
            R"("failed_records":[{"index":0,"message":"$distinct_id, missing or empty"}],)"
            R"("num_good_events":1,"status":0})");
  EXPECT_EQ(
      Post("/groups",
           R"({"$token":"t","$group_key":"company","$group_id":"acme","$set":{"plan":"pro"}})")
          .body,
      "1");

  Json page = Json::parse(Post("/api/query/engage?project_id=1", "", kAuth).body);
  EXPECT_EQ(page["total"], 3);
  EXPECT_EQ(page["page"], 0);
  EXPECT_EQ(page["page_size"], 1000);
  EXPECT_EQ(page["status"], "ok");
  EXPECT_EQ(page["results"][0], Json::parse(R"({"$distinct_id":"7","$properties":{"n":4}})"));
  EXPECT_EQ(page["results"][1],
            Json::parse(R"({"$distinct_id":"ann","$properties":{"name":"Ann","age":5}})"));
  page = Json::parse(
      Post("/api/2.0/engage", "distinct_id=ann&output_properties=[\"age\"]", kAuth).body);
  EXPECT_EQ(page["results"], Json::parse(R"([{"$distinct_id":"ann","$properties":{"age":5}}])"));
  page = Json::parse(Post("/api/query/engage", "distinct_ids=[\"7\",\"b\"]", kAuth).body);
  EXPECT_EQ(page["total"], 2);
  page = Json::parse(Post("/api/query/engage", "data_group_id=company", kAuth).body);
  EXPECT_EQ(page["results"],
            Json::parse(R"([{"$distinct_id":"acme","$properties":{"plan":"pro"}}])"));
  const Json ids = Stats()["data_group_ids"];
  EXPECT_EQ(ids, Json({{"company", DataGroupId("company")}}));
  for (const std::string& body :
       {StrCat("data_group_id=", DataGroupId("company")),
        StrCat(R"({"data_group_id":)", DataGroupId("company"), "}"),
        StrCat(R"({"data_group_id":")", DataGroupId("company"), R"("})")}) {
    EXPECT_EQ(Json::parse(Post("/api/query/engage", body, kAuth).body)["results"], page["results"])
        << body;
  }
  EXPECT_EQ(Json::parse(Post("/api/query/engage", "data_group_id=7", kAuth).body)["total"], 0);
  EXPECT_EQ(Post("/api/query/engage", "where=x", kAuth).status, 400);
  EXPECT_EQ(Stats()["profiles"], 3);
  EXPECT_EQ(Stats()["groups"], 1);
}

TEST_P(SandboxTest, PagesProfiles) {
  Start();
  for (int batch = 0; batch < 2; ++batch) {
    std::string updates;
    for (int i = 0; i < 1250; ++i) {
      updates += StrCat(R"({"$token":"t","$distinct_id":"u)", batch, "-", i, R"(","$set":{"i":)", i,
                        "}}\n");
    }
    ASSERT_EQ(Post("/engage", updates).body, "1");
  }
  const Json first = Json::parse(Post("/api/query/engage", "", kAuth).body);
  EXPECT_THAT(first["results"], SizeIs(1000));
  EXPECT_EQ(first["total"], 2500);
  EXPECT_EQ(Post("/api/query/engage?page=1", "", kAuth).status, 400);
  const std::string session = StrCat("session_id=", first["session_id"].get<std::string>());
  EXPECT_THAT(Json::parse(Post("/api/query/engage", "page=1&" + session, kAuth).body)["results"],
              SizeIs(1000));
  const Json last = Json::parse(Post("/api/query/engage?page=2&" + session, "", kAuth).body);
  EXPECT_THAT(last["results"], SizeIs(500));
  EXPECT_EQ(StrCat("session_id=", last["session_id"].get<std::string>()), session);
}

TEST_P(SandboxTest, ResetEmptiesEverything) {
  Start();
  Import(StrCat(Event("a", "1"), "\n", Event("", "2")));
  Post("/engage", R"({"$token":"t","$distinct_id":"a","$set":{"x":1}})");
  EXPECT_EQ(Exchange("POST", "/sandbox/reset").status, 200);
  EXPECT_EQ(Exchange("GET", "/sandbox/reset").status, 405);
  const Json stats = Stats();
  for (const char* key :
       {"requests", "received", "stored", "unique", "rejected", "bytes", "profiles"}) {
    EXPECT_EQ(stats[key], 0) << key;
  }
  EXPECT_THAT(stats["by_event"], IsEmpty());
  EXPECT_THAT(Export(), IsEmpty());
  Import(Event("a", "1"));
  EXPECT_EQ(Stats()["unique"], 1);
}

TEST_P(SandboxTest, ListsEventsAfterACursor) {
  Start();
  Import(StrCat(Event("a", "1"), "\n", Event("b", "2"), "\n", Event("c", "3")));
  Json page = Json::parse(Exchange("GET", "/sandbox/events?limit=2").body);
  EXPECT_EQ(page["cursor"], 3);
  ASSERT_THAT(page["events"], SizeIs(2));
  EXPECT_EQ(page["events"][0]["event"], "b");
  EXPECT_EQ(page["events"][1]["json"], Event("c", "3"));
  EXPECT_EQ(page["events"][1]["path"], "/import");
  page = Json::parse(Exchange("GET", "/sandbox/events?after=3").body);
  EXPECT_THAT(page["events"], IsEmpty());
  EXPECT_EQ(page["cursor"], 3);
  Import(Event("d", "4"));
  page = Json::parse(Exchange("GET", "/sandbox/events?after=3").body);
  ASSERT_THAT(page["events"], SizeIs(1));
  EXPECT_EQ(page["events"][0]["event"], "d");
}

TEST_P(SandboxTest, WelcomesBrowsersWithAPageAndOthersWithJson) {
  Start();
  EXPECT_THAT(Exchange("GET", "/").body, StartsWith("{\"error\":\""));
  const RawResponse page = Exchange("GET", "/", "Accept: text/html,*/*\r\n");
  EXPECT_THAT(page.Header("Content-Type"), StartsWith("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<!doctype html>"));
  EXPECT_THAT(page.body, Not(HasSubstr("{{nonce}}")));
  EXPECT_THAT(page.Header("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(Exchange("GET", "/elsewhere").status, 404);
  EXPECT_EQ(Exchange("PUT", "/import").status, 405);
}

TEST_P(SandboxTest, SurvivesARestartOnDisk) {
  if (!GetParam()) GTEST_SKIP() << "memory does not";
  Start();
  Import(StrCat(Event("a", "1"), "\n", Event("b", "2")));
  Post("/engage", R"({"$token":"t","$distinct_id":"a","$set":{"x":1}})");
  const std::string before = Export();
  Stop();
  Start();
  EXPECT_EQ(Export(), before);
  Import(Event("a", "1"));
  const Json stats = Stats();
  EXPECT_EQ(stats["received"], 3);
  EXPECT_EQ(stats["stored"], 3);
  EXPECT_EQ(stats["unique"], 2);
  EXPECT_EQ(stats["profiles"], 1);
  EXPECT_EQ(Sandbox::Start(options_, clock_).status().code(), absl::StatusCode::kUnavailable);
}

TEST_P(SandboxTest, DiscardsAndCounts) {
  options_.discard = true;
  Start();
  const std::string two = StrCat(Event("a", "1"), "\n", Event("a", "2"));
  EXPECT_EQ(Import(two).body, R"({"code":200,"num_records_imported":2,"status":"OK"})");
  EXPECT_EQ(Import(two + "\n").body, R"({"code":200,"num_records_imported":2,"status":"OK"})");
  const std::string zipped = StrCat(kAuth, "Content-Encoding: gzip\r\n");
  EXPECT_EQ(Post(kStrict, Gzip(two), zipped).body,
            R"({"code":200,"num_records_imported":2,"status":"OK"})");
  EXPECT_EQ(Post(kStrict, Gzip("[{},{},{}]"), zipped).body,
            R"({"code":200,"num_records_imported":3,"status":"OK"})");
  EXPECT_EQ(Post("/track", "data=" + Base64("[{},{}]")).body, "1");
  EXPECT_EQ(Post(kStrict, Gzip(two).substr(0, 40), zipped).status, 400);
  EXPECT_EQ(Post(kStrict, Gzip("{" + std::string(11 << 20, '\n')), zipped).status, 413);
  const Json stats = Stats();
  EXPECT_EQ(stats["received"], 11);
  EXPECT_EQ(stats["stored"], 0);
  EXPECT_EQ(stats["requests"], 7);
}

}  // namespace
}  // namespace millrace::sandbox
