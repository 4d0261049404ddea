// JQL over real sockets.
#include <thread>

#include "base/percent_encoding.h"
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kEvents = "Events({from_date: '2023-11-01', to_date: '2023-11-14'})";

class JqlTest : public SandboxTest {
 protected:
  void Fill() {
    Import(R"([
      {"event":"buy","properties":{"time":1699900000,"distinct_id":"ann","$insert_id":"1","n":3,
        "tags":["x","y"],"New Plan":"pro","a.b":7}},
      {"event":"buy","properties":{"time":1699900100,"distinct_id":"bob","$insert_id":"2","n":5,
        "tags":["x"]}},
      {"event":"see","properties":{"time":1699900050,"distinct_id":"ann","$insert_id":"3","n":"no"}},
      {"event":"see","properties":{"time":1698700000,"distinct_id":"old","$insert_id":"4"}}])");
    Post("/engage", R"([{"$token":"t","$distinct_id":"ann","$set":{"age":30,"plan":"pro"}},
                        {"$token":"t","$distinct_id":"eve","$set":{"age":20,"when":"2023-11-14T00:00:00"}}])");
  }
  RawResponse Run(std::string_view script, std::string_view params = "") {
    std::string form = StrCat("script=", UrlEncode(script));
    if (!params.empty()) StrAppend(&form, "&params=", UrlEncode(params));
    return Post("/api/2.0/jql", form, kAuth);
  }
  // The result of main() { return <collection>; }.
  std::string Result(std::string_view collection) {
    return Run(StrCat("function main() { return ", collection, "; }")).body;
  }
  std::string Events(std::string_view transformations) {
    return Result(StrCat(kEvents, transformations));
  }
  std::string Error(const RawResponse& reply, int status) {
    EXPECT_EQ(reply.status, status) << reply.body;
    return Json::parse(reply.body)["error"];
  }
};
INSTANTIATE_WITH_BOTH_STORES(JqlTest);

TEST_P(JqlTest, ReturnsEventsAndProfiles) {
  Start();
  Fill();
  EXPECT_EQ(Json::parse(Events("")), Json::parse(R"([
    {"name":"buy","distinct_id":"ann","time":1699900000000,"sampling_factor":1,"properties":{
      "$insert_id":"1","n":3,"tags":["x","y"],"New Plan":"pro","a.b":7,"$import":true,
      "mp_processing_time_ms":1700000000000,"$mp_api_endpoint":"api.mixpanel.com",
      "$mp_api_timestamp_ms":1700000000000}},
    {"name":"buy","distinct_id":"bob","time":1699900100000,"sampling_factor":1,"properties":{
      "$insert_id":"2","n":5,"tags":["x"],"$import":true,
      "mp_processing_time_ms":1700000000000,"$mp_api_endpoint":"api.mixpanel.com",
      "$mp_api_timestamp_ms":1700000000000}},
    {"name":"see","distinct_id":"ann","time":1699900050000,"sampling_factor":1,"properties":{
      "$insert_id":"3","n":"no","$import":true,
      "mp_processing_time_ms":1700000000000,"$mp_api_endpoint":"api.mixpanel.com",
      "$mp_api_timestamp_ms":1700000000000}}])"));
  EXPECT_EQ(Json::parse(Result("People()")), Json::parse(R"([
    {"distinct_id":"ann","properties":{"age":30,"plan":"pro"}},
    {"distinct_id":"eve","properties":{"age":20,"when":"2023-11-14T00:00:00"}}])"));
  EXPECT_EQ(Result("Events({from_date: '2023-11-02', to_date: '2023-11-02'})"), "[]");
}

TEST_P(JqlTest, SelectsByExpressionsAndParameters) {
  Start();
  Fill();
  const auto select = [&](std::string_view selectors) {
    return Result(StrCat("Events({from_date: new Date('2023-11-01'), to_date: '2023-11-14', ",
                         "event_selectors: ", selectors, "}).map(e => e.properties.$insert_id)"));
  };
  EXPECT_EQ(select("[{event: 'see'}]"), R"(["3"])");
  EXPECT_EQ(
      select("[{event: 'buy', selector: 'properties[\"n\"] > 4', label: 'x'}, {event: 'see'}]"),
      R"(["2","3"])");
  EXPECT_EQ(select("[{selector: 'properties[\"n\"] == 3'}]"), R"(["1"])");
  EXPECT_EQ(select("[]"), R"(["1","2","3"])") << "as the default of mixpanel-utils";
  EXPECT_THAT(select("[{selector: 'properties['}]"), HasSubstr("invalid expression"));
  EXPECT_EQ(Result("People({user_selectors: [{selector: 'has_prefix(user[\"when\"], \"2023\")'}]})"
                   ".map(u => u.distinct_id)"),
            R"(["eve"])");
  const RawResponse reply = Run(
      "var names = _.map(params.names, n => ({event: n}));\n"
      "function main() {\n"
      "  return Events({from_date: params.from, to_date: params.to, event_selectors: names})\n"
      "    .filter(function (e) { return e.properties.mp_processing_time_ms < params.end; })\n"
      "    .reduce(mixpanel.reducer.count());\n"
      "}",
      R"({"names":["see","\u2028'\"\\"],"from":"2023-10-01","to":"2023-11-14","end":1700000000001})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "[2]");
  EXPECT_EQ(reply.Header("Content-Type"), "application/json");
}

TEST_P(JqlTest, Transforms) {
  Start();
  Fill();
  EXPECT_EQ(Events(".map(e => [e.name, e.distinct_id]).flatten().map(x => x.length)"),
            "[3,3,3,3,3,3]");
  EXPECT_EQ(Events(".map(e => undefined)"), "[null,null,null]");
  EXPECT_EQ(Events(".sortDesc('properties.n').map(e => e.properties.n)"), R"(["no",5,3])");
  EXPECT_EQ(Events(".sortAsc(e => -e.time).map(e => e.properties.$insert_id)"), R"(["2","3","1"])");
  EXPECT_EQ(Events(".groupBy(['name'], mixpanel.reducer.count()).sortAsc('value')"),
            R"([{"key":["see"],"value":1},{"key":["buy"],"value":2}])");
  EXPECT_EQ(Events(".groupBy(['properties.New Plan', e => e.time > 1699900010000],"
                   "[mixpanel.reducer.count(), mixpanel.reducer.sum('properties.n')])"),
            R"([{"key":["pro",false],"value":[1,3]},{"key":[null,true],"value":[2,5]}])");
  EXPECT_EQ(Events(".groupBy(['properties.a.b'], mixpanel.reducer.null())"),
            R"([{"key":[7],"value":null},{"key":[null],"value":null}])");
  EXPECT_EQ(Events(".groupBy(['properties.tags'], mixpanel.reducer.count())"),
            R"([{"key":["x","y"],"value":1},{"key":["x"],"value":1},{"key":[null],"value":1}])");
  EXPECT_EQ(
      Events(".filter(e => e.properties.tags)"
             ".groupBy(mixpanel.multiple_keys(['properties.tags']), mixpanel.reducer.count())"),
      R"([{"key":["x"],"value":2},{"key":["y"],"value":1}])");
  EXPECT_EQ(Events(".groupByUser((state, events) => (state || '') + events.map(e => e.name))"),
            R"([{"key":["ann"],"value":"buy,see"},{"key":["bob"],"value":"buy"}])");
  EXPECT_EQ(Events(".groupByUser(['name'], mixpanel.reducer.count())"
                   ".groupBy([mixpanel.slice('key', 1)], mixpanel.reducer.count())"),
            R"([{"key":["buy"],"value":2},{"key":["see"],"value":1}])");
  EXPECT_EQ(Events(".groupBy(['name', 'distinct_id'], mixpanel.reducer.count())"
                   ".applyGroupLimits([5, 1], 12).map(x => x.key)"),
            R"([["buy","ann"],["see","ann"]])");
  EXPECT_EQ(Events(".groupBy(['name', 'distinct_id'], mixpanel.reducer.count())"
                   ".applyGroupLimits([5, 5], 1).map(x => x.key)"),
            R"([["buy","ann"]])");
}

TEST_P(JqlTest, Reduces) {
  Start();
  Fill();
  const auto reduce = [&](std::string_view reducer) {
    return Events(StrCat(".reduce(mixpanel.reducer.", reducer, ")"));
  };
  EXPECT_EQ(reduce("count()"), "[3]");
  EXPECT_EQ(reduce("sum('properties.n')"), "[8]");
  EXPECT_EQ(reduce("avg('properties.n')"), "[4]");
  EXPECT_EQ(reduce("min(e => e.properties.n)"), "[3]");
  EXPECT_EQ(reduce("max('properties.n')"), "[5]");
  EXPECT_EQ(reduce("numeric_summary('properties.n')"),
            R"([{"count":2,"sum":8,"sum_squares":34,"avg":4,"stddev":1}])");
  EXPECT_EQ(reduce("numeric_percentiles('properties.n', 50)"), "[3]");
  EXPECT_EQ(reduce("numeric_percentiles('properties.n', [50, 99])"),
            R"([[{"percentile":50,"value":3},{"percentile":99,"value":5}]])");
  EXPECT_THAT(reduce("min_by('properties.n')"), HasSubstr(R"("$insert_id":"1")"));
  EXPECT_THAT(reduce("max_by('properties.n')"), HasSubstr(R"("$insert_id":"2")"));
  EXPECT_THAT(reduce("any()"), HasSubstr(R"("$insert_id":"1")"));
  EXPECT_EQ(reduce("null()"), "[null]");
  EXPECT_EQ(Events(".groupBy(['name'], mixpanel.reducer.count()).reduce(mixpanel.reducer.top(1))"),
            R"([[{"key":["buy"],"value":2}]])");
  EXPECT_EQ(Events(".map(e => ({n: 1, o: {[e.name]: 1}})).reduce(mixpanel.reducer.object_merge())"),
            R"([{"n":3,"o":{"buy":2,"see":1}}])");
  EXPECT_EQ(Events(".reduce((before, items) => before.reduce((a, b) => a + b, items.length))"),
            "[3]");
  EXPECT_EQ(Events(".filter(e => false).reduce(mixpanel.reducer.count())"), "[0]");
  EXPECT_EQ(Events(".reduce([mixpanel.reducer.count(), mixpanel.reducer.max('time')])"),
            "[[3,1699900100000]]");
  EXPECT_EQ(Events(".groupBy([mixpanel.numeric_bucket('properties.n', [0, 4])],"
                   "mixpanel.reducer.count())"),
            R"([{"key":[0],"value":1},{"key":[4],"value":1},{"key":[null],"value":1}])");
  EXPECT_EQ(Events(".groupBy([mixpanel.numeric_bucket('time', mixpanel.daily_time_buckets),"
                   "mixpanel.numeric_bucket('time', mixpanel.weekly_time_buckets),"
                   "mixpanel.numeric_bucket('time', mixpanel.quarterly_time_buckets)],"
                   "mixpanel.reducer.count())"),
            R"([{"key":[1699833600000,1699833600000,1696118400000],"value":3}])");
  EXPECT_EQ(Result("People().reduce(mixpanel.reducer.max(mixpanel.to_number('properties.when')))"),
            "[1699920000]");
}

TEST_P(JqlTest, JoinsEventsAndProfiles) {
  Start();
  Fill();
  const auto join = [&](std::string_view options) {
    return Result(StrCat("join(", kEvents, ", People()", options,
                         ").map(t => [t.distinct_id, t.event ? t.event.name : 0,"
                         " t.user ? t.user.properties.age : 0])"));
  };
  EXPECT_EQ(join(""), R"([["ann","buy",30],["bob","buy",0],["ann","see",30],["eve",0,20]])");
  EXPECT_EQ(join(", {type: 'inner'}"), R"([["ann","buy",30],["ann","see",30]])");
  EXPECT_EQ(join(", {type: 'left'}"), R"([["ann","buy",30],["bob","buy",0],["ann","see",30]])");
  EXPECT_EQ(join(", {type: 'right'}"), R"([["ann","buy",30],["ann","see",30],["eve",0,20]])");
  EXPECT_THAT(join(", {selectors: []}"), HasSubstr("does not evaluate selectors"));
  EXPECT_THAT(Result(StrCat("join(", kEvents, ".map(e => e), People())")),
              HasSubstr("cannot have transformations"));
}

TEST_P(JqlTest, ShowsLocalTimesOfOldProjects) {
  options_.time_zone = "America/New_York";
  Start();
  Import(Event("a", "1", 1'699'156'800));  // 2023-11-05, midnight
  EXPECT_EQ(Result("Events({from_date: '2023-11-05', to_date: '2023-11-05'}).map(e => e.time)"),
            "[1699142400000]");
  EXPECT_EQ(Result("Events({from_date: '2023-11-04', to_date: '2023-11-04'})"), "[]");
}

TEST_P(JqlTest, ReadsManyEventsAndProfiles) {
  Start();
  for (int batch = 0; batch < 3; ++batch) {
    std::string events;
    std::string profiles;
    for (int i = 0; i < 2000; ++i) {
      events += Event("a", StrCat("id-", batch, "-", i)) + "\n";
      profiles += StrCat(R"({"$token":"t","$distinct_id":"u-)", batch, "-", i,
                         R"(","$set":{"i":1}})", "\n");
    }
    Import(events);
    Post("/engage", profiles);
  }
  EXPECT_EQ(Events(".reduce(mixpanel.reducer.count())"), "[6000]");
  EXPECT_EQ(Json::parse(Events(".map(e => e.properties.$insert_id)")).size(), 6000);
  EXPECT_EQ(Events(".reduce((a, items) => (a[0] || 0) + items.length)"), "[6000]");
  EXPECT_EQ(Result("People().reduce(mixpanel.reducer.sum('properties.i'))"), "[6000]");
  EXPECT_EQ(Result(StrCat("join(", kEvents, ", People()).reduce(mixpanel.reducer.count())")),
            "[12000]");
}

TEST_P(JqlTest, SaysWhatIsWrong) {
  Start();
  Fill();
  constexpr std::string_view kPrefix = "UserVisiblePreconditionFailedError: Uncaught exception ";
  const RawResponse thrown =
      Run(StrCat("function main() {\n  return ", kEvents, ".map(e =>\n    e.none.x);\n}"));
  EXPECT_EQ(Json::parse(thrown.body)["request"], "/api/2.0/jql");
  EXPECT_THAT(Error(thrown, 412),
              AllOf(StartsWith(StrCat(kPrefix, "TypeError: ")), HasSubstr("at script:3:")));
  EXPECT_THAT(Error(Run("function main() {\n  return 1 +;\n}"), 412),
              AllOf(StartsWith(kPrefix), HasSubstr("script:2"), HasSubstr("SyntaxError")));
  EXPECT_THAT(Error(Run("var x = 1;"), 412), HasSubstr("ReferenceError"));
  EXPECT_THAT(Error(Run("function main() { return 7; }"), 412), HasSubstr("main() must return"));
  EXPECT_THAT(Error(Run("function main() { return Events(); }"), 412), HasSubstr("from_date"));
  EXPECT_THAT(Error(Run("function main() { return Events({from_date:'2023-11-31',"
                        "to_date:'2023-12-01'}); }"),
                    412),
              HasSubstr("from_date is not a date"));
  EXPECT_THAT(Events(".groupBy([e => ({})], mixpanel.reducer.count())"), HasSubstr("scalars"));
  EXPECT_THAT(Events(".map(e => e).groupByUser(mixpanel.reducer.count())"),
              HasSubstr("can only be applied to"));
  EXPECT_THAT(Events(".limit(3)"), HasSubstr("TypeError"));
  EXPECT_EQ(Error(Post("/api/query/jql", "params={}", kAuth), 400),
            "Missing required parameter: script");
  EXPECT_EQ(Error(Run("function main() {}", "[1]"), 400), "params must be a JSON object");
  EXPECT_EQ(Post("/api/query/jql", "script=x&format=csv", kAuth).status, 400);
  EXPECT_EQ(Post("/api/query/jql", "script=x").status, 401);
  EXPECT_EQ(Exchange("GET", "/api/query/jql?script=x", kAuth).status, 405);
}

TEST_P(JqlTest, LimitsTimeMemoryAndResults) {
  options_.jql_limits.call_time = absl::Milliseconds(100);
  options_.jql_limits.memory = 32 << 20;
  options_.jql_limits.result_bytes = 100'000;
  Start();
  Fill();
  EXPECT_THAT(Error(Run("function main() { for (;;); }"), 412), HasSubstr("too much time"));
  EXPECT_THAT(Error(Run("for (;;);"), 412), HasSubstr("took too long"));
  EXPECT_THAT(Error(Run(StrCat("function main() { return ", kEvents,
                               ".map(e => { const a = [];"
                               " for (;;) a.push({ n: a.length }); }); }")),
                    412),
              ::testing::AnyOf(HasSubstr("too much memory"), HasSubstr("too much time")));
  EXPECT_THAT(Events(".map(e => 'x'.repeat(60000))"), HasSubstr("too large"));
  EXPECT_EQ(Events(".reduce(mixpanel.reducer.count())"), "[3]");
}

TEST_P(JqlTest, DoesNotBlockOtherRequests) {
  options_.jql_limits.call_time = absl::Milliseconds(300);
  options_.query_limit = 100;
  options_.threads = 1;
  Start();
  std::vector<std::unique_ptr<RawConnection>> running;
  const std::string body = StrCat("script=", UrlEncode("function main() { for (;;); }"));
  for (int i = 0; i < 5; ++i) {
    running.push_back(std::make_unique<RawConnection>(sandbox_->url()));
    running.back()->Send(StrCat("POST /api/query/jql HTTP/1.1\r\nHost: 127.0.0.1\r\n", kAuth,
                                "Content-Length: ", body.size(), "\r\n\r\n", body));
  }
  // All five have arrived when a sixth is one too many.
  RawResponse sixth = Post("/api/query/cohorts/list", "", kAuth);
  for (int i = 0; i < 50 && sixth.status == 200; ++i) {
    sixth = Post("/api/query/cohorts/list", "", kAuth);
  }
  EXPECT_EQ(sixth.status, 429);
  EXPECT_THAT(sixth.body, HasSubstr("(6/5 queries running concurrently)"));
  EXPECT_EQ(Exchange("GET", kExport, kAuth).status, 200);
  for (const auto& connection : running) EXPECT_EQ(connection->Receive().status, 412);
  EXPECT_EQ(Post("/api/query/cohorts/list", "", kAuth).status, 200) << "they are over";
}

TEST_P(JqlTest, EndsWithTheSandbox) {
  options_.jql_limits.call_time = absl::Milliseconds(300);
  Start();
  RawConnection running(sandbox_->url());
  const std::string body = StrCat("script=", UrlEncode("function main() { for (;;); }"));
  running.Send(StrCat("POST /api/query/jql HTTP/1.1\r\nHost: 127.0.0.1\r\n", kAuth,
                      "Content-Length: ", body.size(), "\r\n\r\n", body));
  Stop();
  EXPECT_NE(running.Receive().status, 200);
}

}  // namespace
}  // namespace millrace::sandbox
