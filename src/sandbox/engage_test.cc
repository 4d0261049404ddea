// Queries of profiles, cohorts and the app API over real sockets.
#include "absl/strings/escaping.h"
#include "base/percent_encoding.h"
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngageTest : public SandboxTest {
 protected:
  void AddProfiles(int count, int from = 0) {
    std::string updates;
    for (int i = from; i < from + count; ++i) {
      updates += StrCat(R"({"$token":"t","$distinct_id":"u)", i, R"(","$set":{"n":)", i, "}}\n");
    }
    ASSERT_EQ(Post("/engage", updates).body, "1");
  }
  RawResponse Query(std::string_view form) { return Post("/api/query/engage", form, kAuth); }
  Json Page(std::string_view form) {
    const RawResponse reply = Query(form);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  }
  static std::vector<std::string> Ids(const Json& page) {
    std::vector<std::string> ids;
    for (const Json& profile : page["results"]) ids.push_back(profile["$distinct_id"]);
    return ids;
  }
  std::vector<std::string> IdsOf(std::string_view form) { return Ids(Page(form)); }
};
INSTANTIATE_WITH_BOTH_STORES(EngageTest);

TEST_P(EngageTest, ShowsTheStateOfTheFirstPage) {
  options_.engage_page_size = 3;
  Start();
  AddProfiles(7);
  const Json first = Page("");
  EXPECT_THAT(Ids(first), ElementsAre("u0", "u1", "u2"));
  EXPECT_EQ(first["page_size"], 3);
  EXPECT_EQ(first["total"], 7);
  AddProfiles(1, 100);
  Post("/engage", R"([{"$token":"t","$distinct_id":"u3","$set":{"n":"changed"}},
                      {"$token":"t","$distinct_id":"u4","$delete":""}])");
  const std::string session = StrCat("session_id=", first["session_id"].get<std::string>());
  const Json second = Page("page=1&" + session);
  EXPECT_THAT(Ids(second), ElementsAre("u3", "u4", "u5"));
  EXPECT_EQ(second["results"][0]["$properties"]["n"], 3);
  EXPECT_EQ(second["total"], 7);
  EXPECT_THAT(IdsOf("page=2&" + session), ElementsAre("u6"));
  EXPECT_THAT(IdsOf("page=3&" + session), IsEmpty());
  EXPECT_EQ(Page("")["total"], 7) << "one more, one less";
}

TEST_P(EngageTest, ExpiresSessions) {
  options_.engage_page_size = 1;
  Start();
  AddProfiles(2);
  const std::string next = StrCat("page=1&session_id=", Page("")["session_id"].get<std::string>());
  clock_.Advance(absl::Minutes(29));
  EXPECT_THAT(IdsOf(next), ElementsAre("u1"));
  clock_.Advance(absl::Minutes(29));
  EXPECT_THAT(IdsOf(next), ElementsAre("u1")) << "used meanwhile";
  EXPECT_EQ(Query(next + "&where=" + UrlEncode("properties[\"n\"] == 1")).status, 400)
      << "of another query";
  clock_.Advance(absl::Minutes(31));
  const RawResponse late = Query(next);
  EXPECT_EQ(late.status, 400);
  EXPECT_EQ(Json::parse(late.body)["error"], "request for page in uncached query for params");
  EXPECT_EQ(Query("page=1&session_id=unknown").status, 400);
  EXPECT_EQ(Query("page=1").status, 400);
  EXPECT_EQ(Query("page=99999999999999999").status, 400);
  EXPECT_EQ(Query("page=-1").status, 400);
}

TEST_P(EngageTest, FiltersProfiles) {
  Start();
  AddProfiles(5);
  EXPECT_THAT(IdsOf("where=" + UrlEncode("properties[\"n\"] > 2")), ElementsAre("u3", "u4"));
  EXPECT_THAT(IdsOf("where=" + UrlEncode("user[\"n\"] == 1")), ElementsAre("u1"));
  EXPECT_THAT(IdsOf("where=" + UrlEncode("properties[\"$distinct_id\"] in [\"u2\"]")),
              ElementsAre("u2"));
  EXPECT_THAT(IdsOf("distinct_ids=[\"u1\",\"u2\"]&where=" + UrlEncode("properties[\"n\"] > 1")),
              ElementsAre("u2"));
  const Json selected = Page("output_properties=[\"x\"]&distinct_id=u1");
  EXPECT_EQ(selected["results"], Json::parse(R"([{"$distinct_id":"u1","$properties":{}}])"));
  EXPECT_EQ(Query("where=properties[").status, 400);
  EXPECT_EQ(Query("where=" + UrlEncode("properties[\"n\"] or true")).status, 400);
  EXPECT_EQ(Query("behaviors=[]").status, 400);
  EXPECT_EQ(Query("as_of_timestamp=1").status, 400);
}

TEST_P(EngageTest, KnowsCohorts) {
  Start();
  AddProfiles(4);
  const std::string cohorts = R"([
    {"id":1000,"name":"Some","distinct_ids":["u1","u9"],"description":"two of them",
     "created":"2019-03-19 23:49:51"},
    {"id":2000,"name":"Large","where":"properties[\"n\"] >= 2","is_visible":0}])";
  ASSERT_EQ(Exchange("PUT", "/sandbox/cohorts", "", cohorts).status, 200);
  const Json list = Json::parse(Post("/api/query/cohorts/list?project_id=7", "", kAuth).body);
  EXPECT_EQ(list, Json::parse(R"([
    {"count":2,"is_visible":1,"description":"two of them","created":"2019-03-19 23:49:51",
     "project_id":7,"id":1000,"name":"Some"},
    {"count":2,"is_visible":0,"description":"","created":"2023-01-01 00:00:00",
     "project_id":7,"id":2000,"name":"Large"}])"));
  EXPECT_EQ(Json::parse(Exchange("GET", "/api/2.0/cohorts/list", kAuth).body)[0]["project_id"], 1);
  const Json some = Page(R"(filter_by_cohort={"id":1000})");
  EXPECT_EQ(some["results"], Json::parse(R"([{"$distinct_id":"u1","$properties":{"n":1}},
                            {"$distinct_id":"u9","$properties":{}}])"));
  EXPECT_THAT(IdsOf(R"(filter_by_cohort={"id":1000}&include_all_users=false)"), ElementsAre("u1"));
  EXPECT_THAT(IdsOf(R"(filter_by_cohort={"id":2000})"), ElementsAre("u2", "u3"));
  EXPECT_THAT(IdsOf(R"(filter_by_cohort={"id":"2000"})"), ElementsAre("u2", "u3"));
  EXPECT_EQ(Query(R"(filter_by_cohort={"id":3000})").status, 400);
  EXPECT_EQ(Query("filter_by_cohort=1000").status, 400);
  for (const char* bad :
       {"{}", R"([{"id":1}])", R"([{"id":1,"name":"a"}])",
        R"([{"id":"1","name":"a","where":"true"}])", R"([{"id":1,"name":"a","where":"("}])",
        R"([{"id":1,"name":"a","distinct_ids":[1]}])",
        R"([{"id":1,"name":"a","where":"true","distinct_ids":[]}])",
        R"([{"id":1,"name":"a","where":"true"},{"id":1,"name":"b","where":"true"}])"}) {
    EXPECT_EQ(Exchange("PUT", "/sandbox/cohorts", "", bad).status, 400) << bad;
  }
  EXPECT_THAT(Json::parse(Exchange("GET", "/sandbox/cohorts").body), SizeIs(2));
  Exchange("POST", "/sandbox/reset");
  EXPECT_EQ(Exchange("GET", "/sandbox/cohorts").body, "[]");
}

TEST_P(EngageTest, CountsQueriesButNotLaterPages) {
  options_.query_limit = 3;
  options_.engage_page_size = 1;
  Start();
  AddProfiles(3);
  const std::string session = Page("")["session_id"];
  for (int page = 1; page < 3; ++page) {
    EXPECT_THAT(IdsOf(StrCat("page=", page, "&session_id=", session)), SizeIs(1));
  }
  EXPECT_EQ(Post("/api/query/cohorts/list", "", kAuth).status, 200);
  EXPECT_EQ(Query("").status, 200);
  const RawResponse refused = Query("project_id=42");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header("Retry-After"), "3600");
  EXPECT_EQ(refused.Header("RateLimit"), "\"project\";r=0;t=3600, \"project-concurrency\";r=5");
  EXPECT_THAT(refused.body, HasSubstr("project_id: 42."));
  EXPECT_THAT(IdsOf(StrCat("page=1&session_id=", session)), SizeIs(1));
  EXPECT_EQ(Exchange("GET", kExport, kAuth).status, 200);
}

TEST_P(EngageTest, SaysWhoIsSignedIn) {
  options_.project_id = "3713224";
  options_.time_zone = "US/Pacific";
  Start();
  const Json me = Json::parse(Exchange("GET", "/api/app/me/", kAuth).body);
  EXPECT_EQ(me["status"], "ok");
  EXPECT_EQ(me["results"]["projects"],
            Json::parse(R"({"3713224":{"name":"Sandbox","organization_id":1,
              "timezone":"US/Pacific","has_workspaces":false,"domain":"mixpanel.com",
              "type":"PROJECT"}})"));
  EXPECT_EQ(Exchange("GET", "/api/app/me").status, 401);
  EXPECT_EQ(Exchange("POST", "/api/app/me", kAuth).status, 405);
  EXPECT_EQ(Exchange("GET", "/api/app/you", kAuth).status, 404);
  EXPECT_EQ(Exchange("GET", "/api/app/me", StrCat(kAuth, "Origin: http://evil.example\r\n")).status,
            403);
}

TEST_P(EngageTest, AcceptsAnOAuthToken) {
  options_.token = "token";
  options_.service_account = "user:secret";
  options_.oauth_token = "bearer-token";
  Start();
  constexpr std::string_view kBearer = "Authorization: Bearer bearer-token\r\n";
  EXPECT_EQ(Exchange("GET", StrCat(kExport, "&project_id=7"), kBearer).status, 200);
  EXPECT_EQ(Exchange("GET", kExport, kBearer).status, 401) << "of which project?";
  EXPECT_EQ(Post("/api/query/engage?project_id=7", "", kBearer).status, 200);
  EXPECT_EQ(Exchange("GET", "/api/app/me", kBearer).status, 200);
  EXPECT_EQ(Post("/import?strict=1&project_id=7", Event("a", "1"), kBearer).status, 200);
  EXPECT_EQ(Post("/api/query/engage?project_id=7", "", "Authorization: Bearer other\r\n").status,
            401);
  EXPECT_EQ(Import(Event("a", "1")).status, 200);
}

TEST_P(EngageTest, KeepsAnnotations) {
  Start();
  constexpr std::string_view kAll = "/api/app/projects/7/annotations/";
  const auto results = [](const RawResponse& reply) {
    EXPECT_EQ(reply.status / 100, 2) << reply.body;
    return Json::parse(reply.body)["results"];
  };
  const Json tag =
      Json::parse(Post("/api/app/projects/7/annotations/tags", R"({"name":"x"})", kAuth).body);
  const RawResponse made =
      Post(kAll,
           StrCat(R"({"date":"2022-02-15 12:00:00","description":"Launch","tags":[)",
                  tag["id"].get<int>(), "]}"),
           kAuth);
  EXPECT_EQ(made.status, 201);
  const Json launch = results(made);
  const int id = launch["id"];
  EXPECT_EQ(launch,
            Json::parse(StrCat(R"({"id":)", id, R"(,"project_id":7,"date":"2022-02-15 12:00:00",
                         "description":"Launch","user":{"id":1,"first_name":"Sandbox",
                         "last_name":"User"},"tags":[{"id":)",
                               tag["id"].get<int>(), R"(,"name":"x"}]})")));
  results(Post(kAll, R"({"date":"2022-01-01 00:00:00","description":"Earlier"})", kAuth));
  EXPECT_THAT(results(Exchange("GET", kAll, kAuth)), SizeIs(2));
  EXPECT_EQ(results(Exchange("GET", kAll, kAuth))[1], launch) << "by date";
  EXPECT_EQ(results(Exchange("GET", StrCat(kAll, "?fromDate=2022-02-15&toDate=2022-02-15"), kAuth)),
            Json::array({launch}));
  EXPECT_THAT(results(Exchange("GET", StrCat(kAll, "?toDate=2022-02-14"), kAuth)), SizeIs(1));
  EXPECT_THAT(results(Exchange("GET", "/api/app/projects/8/annotations", kAuth)), IsEmpty());

  const std::string one = StrCat(kAll, id);
  EXPECT_EQ(
      results(Exchange("PATCH", one, kAuth, R"({"description":"Start","tags":[]})"))["description"],
      "Start");
  EXPECT_THAT(results(Exchange("GET", one, kAuth))["tags"], IsEmpty());
  EXPECT_EQ(
      Json::parse(Exchange("GET", StrCat(kAll, "tags/"), kAuth).body),
      Json::array(
          {{{"id", tag["id"]}, {"name", "x"}, {"project_id", 7}, {"has_annotations", false}}}));
  EXPECT_EQ(results(Exchange("DELETE", one, kAuth)), Json({{"id", id}}));
  const RawResponse gone = Exchange("GET", one, kAuth);
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(Json::parse(gone.body)["status"], "error");
  for (const char* bad :
       {"", "[]", R"({"description":"x"})", R"({"date":"2022-02-30 12:00:00","description":"x"})",
        R"({"date":"2022-02-15","description":"x"})",
        R"({"date":"2022-02-15 12:00:00","description":7})",
        R"({"date":"2022-02-15 12:00:00","description":"x","tags":[99]})"}) {
    EXPECT_EQ(Post(kAll, bad, kAuth).status, 400) << bad;
  }
  EXPECT_EQ(Exchange("GET", kAll).status, 401);
  EXPECT_EQ(Exchange("PUT", kAll, kAuth).status, 405);
  EXPECT_EQ(Exchange("GET", StrCat(kAll, "x"), kAuth).status, 404);
}

}  // namespace
}  // namespace millrace::sandbox
