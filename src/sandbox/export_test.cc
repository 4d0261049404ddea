// The raw export over real sockets: parameters, times, faults and limits.
#include "base/percent_encoding.h"
#include "io/decompress.h"
#include "sandbox/testing/sandbox_fixture.h"

namespace millrace::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ExportTest : public SandboxTest {
 protected:
  static std::string Target(std::string_view from, std::string_view to,
                            std::string_view more = "") {
    return StrCat("/api/2.0/export?project_id=7&from_date=", from, "&to_date=", to, more);
  }
  RawResponse Get(std::string_view target, std::string_view headers = "") {
    return Exchange("GET", target, StrCat(kAuth, headers));
  }
  // The $insert_ids of the lines.
  static std::vector<std::string> Ids(std::string_view body) {
    std::vector<std::string> ids;
    while (!body.empty()) {
      const size_t end = body.find('\n');
      ids.push_back(Json::parse(body.substr(0, end))["properties"]["$insert_id"]);
      body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    }
    return ids;
  }
  std::vector<std::string> Where(std::string_view expression) {
    const RawResponse reply = Get(StrCat(kExport, "&where=", UrlEncode(expression)));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Ids(reply.body);
  }
  void SetClock(std::string_view json) {
    ASSERT_EQ(Exchange("PUT", "/sandbox/clock", "", json).status, 200) << json;
  }
  void SetFaults(std::string_view json) {
    ASSERT_EQ(Exchange("PUT", "/sandbox/faults", "", json).status, 200) << json;
  }
};
INSTANTIATE_WITH_BOTH_STORES(ExportTest);

TEST_P(ExportTest, EvaluatesWhere) {
  Start();
  Import(R"([{"event":"a","properties":{"time":1699999900,"distinct_id":"u1","$insert_id":"1","n":1,
              "city":"Oslo"}},
             {"event":"b","properties":{"time":1699999901,"distinct_id":"u2","$insert_id":"2","n":2,
              "mp_processing_time_ms":5}}])");
  EXPECT_THAT(Where(R"(properties["n"] >= 2)"), ElementsAre("2"));
  EXPECT_THAT(Where(R"(properties["city"] == "Oslo" or properties["n"] == 2)"),
              ElementsAre("1", "2"));
  EXPECT_THAT(Where(R"(not defined(properties["city"]))"), ElementsAre("2"));
  EXPECT_THAT(Where(R"(properties["distinct_id"] in ["u1", "u3"])"), ElementsAre("1"));
  EXPECT_THAT(Where(R"(event["$time"] >= datetime("2023-11-14T22:11:41"))"), ElementsAre("2"));
  EXPECT_THAT(Where(R"(properties["time"] == 1699999900)"), ElementsAre("1"));
  EXPECT_THAT(Where(R"(properties["$import"] and properties["$mp_api_endpoint"] != "x")"),
              ElementsAre("1", "2"));
  EXPECT_THAT(Where(R"(properties["mp_processing_time_ms"] == 1700000000000)"), ElementsAre("1"));
  EXPECT_THAT(Where(R"(properties["mp_processing_time_ms"] < 6)"), ElementsAre("2"));
  EXPECT_THAT(Where(R"(user["x"] == 1)"), IsEmpty());

  const RawResponse wrong = Get(StrCat(kExport, "&where=", UrlEncode("properties[1]")));
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.body, "invalid expression: at character 12: expected a name in quotes");
  const RawResponse type = Get(StrCat(kExport, "&where=", UrlEncode("properties[\"n\"] and true")));
  EXPECT_EQ(type.status, 400);
  EXPECT_THAT(type.body, HasSubstr("not a boolean"));
  const RawResponse limited =
      Get(StrCat(kExport, "&limit=1&where=", UrlEncode("properties[\"n\"] > 1")));
  EXPECT_THAT(Ids(limited.body), ElementsAre("2"));
}

TEST_P(ExportTest, SeesLateEventsByProcessingTime) {
  Start();
  Import(Event("a", "early"));
  SetClock(R"({"advance_ms":7200000})");
  Import(Event("a", "late"));
  EXPECT_THAT(Where("properties[\"mp_processing_time_ms\"] >= 1700007200000"), ElementsAre("late"));
  EXPECT_THAT(Where("properties[\"mp_processing_time_ms\"] < 1700007200000"), ElementsAre("early"));
  const Json clock = Json::parse(Exchange("GET", "/sandbox/clock").body);
  EXPECT_EQ(clock, Json::parse(R"({"now":"2023-11-15T00:13:20+00:00","now_ms":1700007200000,
                                   "stopped":false})"));
}

TEST_P(ExportTest, HasAClockThatIsSetAndStopped) {
  Start();
  EXPECT_EQ(Get(Target("2023-11-15", "2023-11-15")).body, "to_date cannot be later than today");
  SetClock(R"({"now":"2023-11-15T00:00:00Z","stopped":true})");
  EXPECT_EQ(Get(Target("2023-11-15", "2023-11-15")).status, 200);
  clock_.Advance(absl::Hours(1));
  const auto now = [&] {
    return Json::parse(Exchange("GET", "/sandbox/clock").body)["now_ms"].get<int64_t>();
  };
  EXPECT_EQ(now(), 1'700'006'400'000);
  SetClock(R"({"stopped":false})");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(now(), 1'700'006'401'000);
  SetClock(R"({"now":1600000000000})");
  EXPECT_EQ(now(), 1'600'000'000'000);
  EXPECT_EQ(Exchange("DELETE", "/sandbox/clock").status, 200);
  EXPECT_EQ(now(), absl::ToUnixMillis(clock_.Now()));
  for (const char* bad : {"", "[]", R"({"now":"today"})", R"({"now":true})", R"({"x":1})",
                          R"({"advance_ms":9223372036854775807})", R"({"stopped":1})"}) {
    EXPECT_EQ(Exchange("PUT", "/sandbox/clock", "", bad).status, 400) << bad;
  }
  EXPECT_EQ(Exchange("POST", "/sandbox/clock", "", "{}").status, 405);
}

TEST_P(ExportTest, ReadsDaysInTheZoneOfAnOldProject) {
  options_.time_zone = "America/New_York";
  Start();
  // 2023-11-05 has 25 hours there, from 04:00 to 05:00 of the next day.
  constexpr int64_t kBegin = 1'699'156'800;
  constexpr int64_t kEnd = kBegin + 25 * 3600;
  Import(StrCat(Event("a", "before", kBegin - 1), "\n", Event("a", "first", kBegin), "\n",
                Event("a", "one", kBegin + 5400), "\n", Event("a", "again", kBegin + 9000), "\n",
                Event("a", "last", kEnd - 1), "\n", Event("a", "after", kEnd)));
  const std::string day = Get(Target("2023-11-05", "2023-11-05")).body;
  EXPECT_THAT(Ids(day), ElementsAre("first", "one", "again", "last"));
  EXPECT_THAT(day, StartsWith("{\"event\":\"a\",\"properties\":{\"time\":1699142400,"));
  EXPECT_THAT(day, HasSubstr("\"mp_processing_time_ms\":1700000000000"));  // always UTC
  const std::string in_ms = Get(Target("2023-11-05", "2023-11-05", "&time_in_ms=true")).body;
  EXPECT_THAT(in_ms, HasSubstr("\"time\":1699147800000,"));  // half past one, twice
  EXPECT_THAT(in_ms.substr(in_ms.find("one")), HasSubstr("\"time\":1699147800000,"));
  EXPECT_THAT(Ids(Get(Target("2023-11-06", "2023-11-06")).body), ElementsAre("after"));
  const std::string where = UrlEncode(R"(event["$time"] < datetime("2023-11-05T00:00:00"))");
  EXPECT_THAT(Ids(Get(Target("2023-11-01", "2023-11-14", "&where=" + where)).body),
              ElementsAre("before"));
  // 22:13 UTC is 17:13 there, so the UTC date of tomorrow begins later.
  SetClock(R"({"now":"2023-11-15T04:59:59Z"})");
  EXPECT_EQ(Get(Target("2023-11-15", "2023-11-15")).status, 400);
  SetClock(R"({"now":"2023-11-15T05:00:00Z"})");
  EXPECT_EQ(Get(Target("2023-11-15", "2023-11-15")).status, 200);
}

TEST_P(ExportTest, UsesUtcInNewProjectsOfAnyZone) {
  options_.time_zone = "America/New_York";
  options_.export_times = ExportTimes::kUtc;
  Start();
  Import(Event("a", "1", 1'699'156'800));
  EXPECT_THAT(Get(Target("2023-11-05", "2023-11-05")).body, HasSubstr("\"time\":1699156800,"));
  EXPECT_EQ(Json::parse(Get("/api/app/me").body)["results"]["projects"]["1"]["timezone"],
            "America/New_York");
}

TEST_P(ExportTest, RefusesUnknownZones) {
  options_.time_zone = "Mars/Olympus";
  const auto sandbox = Sandbox::Start(options_, clock_);
  EXPECT_EQ(sandbox.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(sandbox.status().message(), HasSubstr("Mars/Olympus"));
}

TEST_P(ExportTest, EndsEarlyWithALineThatSaysSo) {
  Start({"terminated_early=2"});
  Import(StrCat(Event("a", "1"), "\n", Event("a", "2")));
  EXPECT_THAT(Ids(Export()), SizeIs(2)) << "it was complete";
  EXPECT_EQ(Stats()["faults"]["terminated_early"], 0);
  Import(Event("a", "3"));
  const RawResponse reply = Get(kExport);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.whole);
  EXPECT_THAT(reply.body, EndsWith("}}\nterminated early\n"));
  EXPECT_THAT(Ids(reply.body.substr(0, reply.body.find("terminated"))), ElementsAre("1", "2"));
  EXPECT_EQ(Stats()["faults"]["terminated_early"], 1);
}

TEST_P(ExportTest, ClosesTheConnectionAtAByte) {
  Start();
  std::string events;
  for (int i = 0; i < 2000; ++i) events += Event("cut", StrCat("id-", i)) + "\n";
  Import(events);
  const std::string whole = Export();
  const std::string zipped = Get(kExport, "Accept-Encoding: gzip\r\n").body;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{1400}, size_t{300'000}}) {
    SetFaults(StrCat("[\"cut_export=", bytes, "\"]"));
    const RawResponse cut = Get(kExport);
    EXPECT_FALSE(cut.whole) << bytes;
    EXPECT_EQ(cut.body, whole.substr(0, bytes));
  }
  SetFaults("[\"cut_export=5000\"]");
  const RawResponse cut = Get(kExport, "Accept-Encoding: gzip\r\n");
  EXPECT_FALSE(cut.whole);
  EXPECT_EQ(cut.body, zipped.substr(0, 5000));
  SetFaults(StrCat("[\"cut_export=", whole.size(), "\"]"));
  EXPECT_TRUE(Get(kExport).whole);
  EXPECT_EQ(Stats()["faults"]["cut_export"], 5);
  // Without a number, anywhere in the first 100,000 bytes.
  SetFaults("[\"cut_export\"]");
  const RawResponse one = Get(kExport);
  const RawResponse other = Get(kExport);
  EXPECT_FALSE(one.whole || other.whole);
  EXPECT_NE(one.body.size(), other.body.size());
  EXPECT_LT(one.body.size(), 100'000);
}

TEST_P(ExportTest, LeavesOutTheEndOfACompressedExport) {
  Start({"short_gzip"});
  std::string events;
  for (int i = 0; i < 100; ++i) events += Event("short", StrCat("id-", i)) + "\n";
  Import(events);
  const RawResponse reply = Get(kExport, "Accept-Encoding: gzip\r\n");
  EXPECT_TRUE(reply.whole);
  ByteBuffer plain;
  EXPECT_FALSE(GunzipTo(reply.body, 1 << 30, &plain).ok());
  EXPECT_THAT(Ids(Export()), SizeIs(100)) << "not compressed";
  EXPECT_EQ(Stats()["faults"]["short_gzip"], 1);
}

TEST_P(ExportTest, BreaksRecordsOverTwoLines) {
  Start();
  std::string events;
  for (int i = 0; i < 500; ++i) events += Event("spl\u00e9t\u2028", StrCat("id-", i)) + "\n";
  Import(events);
  const std::string whole = Export();
  SetFaults("[\"split_records=0.1\"]");
  const std::string split = Export();
  const auto lines = std::count(split.begin(), split.end(), '\n');
  EXPECT_GT(lines, 520);
  EXPECT_LT(lines, 600);
  EXPECT_EQ(Stats()["faults"]["split_records"], lines - 500);
  // Joining what does not parse restores it.
  std::string joined;
  std::string part;
  for (const char c : split) {
    if (c != '\n') {
      part += c;
    } else if (Json::accept(part)) {
      joined += part + "\n";
      part.clear();
    }
  }
  EXPECT_TRUE(joined == whole);
  SetFaults("[\"split_records=1\"]");
  const std::string all = Export();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 1000);
}

TEST_P(ExportTest, RespondsWithTheStatusOfAFault) {
  Start();
  Import(Event("a", "1"));
  for (const int status : {402, 429, 500, 503}) {
    SetFaults(StrCat("[\"export_status=", status, "\"]"));
    EXPECT_EQ(Get(kExport).status, status);
    EXPECT_EQ(Get("/api/query/engage").status, 200);
  }
  SetFaults("[\"query_status=500\"]");
  EXPECT_EQ(Get(kExport).status, 200);
  EXPECT_EQ(Get("/api/query/engage").status, 500);
  SetFaults("[\"export_status=503:0.5\"]");
  int refused = 0;
  for (int i = 0; i < 60; ++i) refused += Get(kExport).status == 503 ? 1 : 0;
  EXPECT_GT(refused, 15);
  EXPECT_LT(refused, 45);
  EXPECT_EQ(Stats()["stored"], 1) << "ingestion has no such faults";
}

TEST_P(ExportTest, ShowsEventsLater) {
  Start({"stale=10m"});
  Import(Event("a", "1"));
  EXPECT_THAT(Export(), IsEmpty());
  clock_.Advance(absl::Minutes(9));
  Import(Event("a", "2"));
  EXPECT_THAT(Export(), IsEmpty());
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(Ids(Export()), ElementsAre("1"));
  SetFaults("[]");
  EXPECT_THAT(Ids(Export()), ElementsAre("1", "2"));
}

TEST_P(ExportTest, LimitsExportsByTheHourAndTheSecond) {
  options_.query_limit = 5;
  Start();
  const std::string target = Target("2023-11-14", "2023-11-14");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(target).status, 200);
  const RawResponse fourth = Get(target);
  EXPECT_EQ(fourth.status, 429);
  EXPECT_THAT(Json::parse(fourth.body)["error"].get<std::string>(),
              StartsWith("Query rate limit exceeded for project_id: 7. This request exceeded the "
                         "rate limit (4/3 queries running in the last second)."));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Get(target).status, 200);
  EXPECT_EQ(Get(target).status, 200);
  clock_.Advance(absl::Seconds(10));
  const RawResponse sixth = Get(target);
  EXPECT_EQ(sixth.status, 429);
  EXPECT_EQ(Json::parse(sixth.body)["request"], "/api/2.0/export");
  EXPECT_THAT(Json::parse(sixth.body)["error"].get<std::string>(),
              HasSubstr("(6/5 queries running in the last hour)."));
  EXPECT_EQ(Get("/api/query/engage").status, 200) << "queries have their own limit";
  clock_.Advance(absl::Hours(1) - absl::Seconds(11));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Get(target).status, 200) << "the first three are over";
  const Json stats = Stats();
  EXPECT_EQ(stats["exports"], 8);
  EXPECT_EQ(stats["queries"], 1);
  EXPECT_EQ(stats["queries_limited"], 2);
  EXPECT_EQ(Exchange("GET", target).status, 401) << "before limits";
}

TEST_P(ExportTest, HasNoLimitsUnlessAskedFor) {
  Start();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Get(kExport).status, 200);
}

}  // namespace
}  // namespace millrace::sandbox
