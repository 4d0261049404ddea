#include "sandbox/event_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_buffer.h"
#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr int64_t kNowMs = 1'700'000'000'123;

struct Checked {
  bool good = false;
  NewEvent event;
  Problem problem;
};

Checked Check(std::string_view record, Endpoint endpoint = Endpoint::kImport) {
  ByteBuffer padded;  // exactly as large as needed, so that sanitizers see reads past the padding
  padded.Append(record);
  Checked checked;
  EventChecker checker;
  checked.good =
      checker.Check(padded.view(), endpoint, kNowMs, 7, &checked.event, &checked.problem);
  return checked;
}

// An /import event whose properties are the given text.
std::string With(std::string_view properties, std::string_view event = "\"a\"") {
  return StrCat("{\"event\":", event, ",\"properties\":{", properties, "}}");
}
std::string WithTime(std::string_view time) {
  return With(StrCat("\"time\":", time, R"(,"distinct_id":"u","$insert_id":"i")"));
}
std::string WithIds(std::string_view distinct_id, std::string_view insert_id) {
  return With(
      StrCat("\"time\":1600000000,\"distinct_id\":", distinct_id, ",\"$insert_id\":", insert_id));
}

TEST(EventChecker, TakesGoodEvents) {
  const std::string text = WithIds("\"u\"", "\"i-1\"");
  const Checked checked = Check(text);
  ASSERT_TRUE(checked.good) << checked.problem.message;
  EXPECT_EQ(checked.event.name, "a");
  EXPECT_EQ(checked.event.json, text);
  EXPECT_EQ(checked.event.time_ms, 1'600'000'000'000);
  const Splices& splices = checked.event.splices;
  EXPECT_EQ(text.substr(splices.time_begin, splices.time_end - splices.time_begin), "1600000000");
  EXPECT_EQ(text.substr(splices.properties_end), "}}");
  EXPECT_FALSE(splices.has_import || splices.has_processing_time);
}

TEST(EventChecker, FindsPlacesInAnyLayout) {
  const std::string text =
      "{ \"properties\" : { \"$insert_id\":\"i\", \"deep\": {\"time\": 5, \"x\": [{}]},\n"
      "\"time\" : 1600000000  , \"distinct_id\":\"}\" , \"mp_processing_time_ms\":1,\r\n"
      "\"$import\":true }  , \"event\":\"n\\u00e9\", \"extra\":{} } ";
  const Checked checked = Check(text);
  ASSERT_TRUE(checked.good) << checked.problem.message;
  EXPECT_EQ(checked.event.name, "n\u00e9");
  EXPECT_THAT(checked.event.json, SizeIs(text.size()));
  EXPECT_EQ(checked.event.json.find_first_of("\r\n"), std::string::npos);
  const Splices& splices = checked.event.splices;
  EXPECT_EQ(text.substr(splices.time_begin, splices.time_end - splices.time_begin), "1600000000");
  EXPECT_THAT(text.substr(splices.properties_end), StartsWith("}  , \"event\""));
  EXPECT_TRUE(splices.has_import && splices.has_processing_time);
}

TEST(EventChecker, ReadsTimesInSecondsAndMilliseconds) {
  EXPECT_EQ(Check(WithTime("1600000000")).event.time_ms, 1'600'000'000'000);
  EXPECT_EQ(Check(WithTime("1600000000123")).event.time_ms, 1'600'000'000'123);
  EXPECT_EQ(Check(WithTime("1600000000.5")).event.time_ms, 1'600'000'000'500);
  EXPECT_EQ(Check(WithTime("1.6e9")).event.time_ms, 1'600'000'000'000);
  EXPECT_EQ(Check(WithTime("31536000")).event.time_ms, kEarliestTimeMs);
  EXPECT_TRUE(Check(WithTime(StrCat(kNowMs + kMaxAheadMs))).good);
}

TEST(EventChecker, KeysAreTheFourFieldsWithTimeInMilliseconds) {
  const Hash128 key = Check(WithTime("1600000000")).event.key;
  EXPECT_EQ(Check(WithTime("1600000000000")).event.key, key);
  EXPECT_EQ(Check(WithTime("1600000000.0004")).event.key, key);
  EXPECT_NE(Check(WithTime("1600000001")).event.key, key);
  EXPECT_NE(Check(WithIds("\"u\"", "\"j\"")).event.key, key);
  EXPECT_NE(Check(WithIds("\"v\"", "\"i\"")).event.key, key);
  EXPECT_EQ(Check(WithIds("\"u\"", "\"i\"")).event.key, key);
  const std::string other = WithTime("1600000000,\"more\":1");
  EXPECT_EQ(Check(other).event.key, key);
}

struct Refusal {
  std::string record;
  std::string field;
  std::string message;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithFieldAndMessage) {
  const Checked checked = Check(GetParam().record);
  EXPECT_FALSE(checked.good) << GetParam().record;
  EXPECT_EQ(checked.problem.field, GetParam().field) << GetParam().record;
  EXPECT_THAT(checked.problem.message, HasSubstr(GetParam().message)) << GetParam().record;
}

constexpr char kTime[] = "properties.time";
constexpr char kNoTime[] = "must be specified as seconds since epoch";

INSTANTIATE_TEST_SUITE_P(
    Events, Refused,
    ::testing::Values(Refusal{"", "", "not valid JSON"}, Refusal{"{", "", "not valid JSON"},
                      Refusal{"[]", "", "not a JSON object"}, Refusal{"1", "", "not a JSON object"},
                      Refusal{"\"x\"", "", "not a JSON object"},
                      Refusal{"null", "", "not a JSON object"},
                      Refusal{With("\"x\":tru"), "", "not valid JSON"},
                      Refusal{With("\"x\":01"), "", "not valid JSON"},
                      Refusal{With("\"x\":1."), "", "not valid JSON"},
                      Refusal{With("\"x\":\"\\q\""), "", "not valid JSON"},
                      Refusal{With("\"x\":nul"), "", "not valid JSON"},
                      Refusal{With("\"x\" 1"), "", "not valid JSON"},
                      Refusal{With("\"x\":[1 2]"), "", "not valid JSON"},
                      Refusal{WithTime("1600000000") + "}", "", "not valid JSON"},
                      Refusal{WithTime("1600000000") + "{}", "", "not valid JSON"},
                      Refusal{"{}", "event", "'event' must not be missing or blank"},
                      Refusal{With("", "\"\""), "event", "must not be missing or blank"},
                      Refusal{With("", "\" \\t\""), "event", "must not be missing or blank"},
                      Refusal{With("", "null"), "event", "must not be missing or blank"},
                      Refusal{With("", "5"), "event", "must be a string"},
                      Refusal{R"({"event":"a"})", "properties", "must be an object"},
                      Refusal{R"({"event":"a","properties":[]})", "properties",
                              "must be an object"}));

INSTANTIATE_TEST_SUITE_P(
    Times, Refused,
    ::testing::Values(Refusal{With("\"distinct_id\":\"u\",\"$insert_id\":\"i\""), kTime, "missing"},
                      Refusal{WithTime("\"1600000000\""), kTime, kNoTime},
                      Refusal{WithTime("null"), kTime, kNoTime},
                      Refusal{WithTime("true"), kTime, kNoTime},
                      Refusal{WithTime("{}"), kTime, kNoTime},
                      Refusal{WithTime("1e400"), kTime, kNoTime},
                      Refusal{WithTime("99999999999999999999999"), kTime, kNoTime},
                      Refusal{WithTime("0"), kTime, "before 1971"},
                      Refusal{WithTime("-1600000000"), kTime, "before 1971"},
                      Refusal{WithTime("31535999"), kTime, "before 1971"},
                      Refusal{WithTime("1700003601"), kTime, "more than 1 hour"},
                      Refusal{WithTime("1600000000123456"), kTime, kNoTime}));

INSTANTIATE_TEST_SUITE_P(
    Ids, Refused,
    ::testing::Values(
        Refusal{With(R"("time":1600000000,"$insert_id":"i")"), "distinct_id", "missing"},
        Refusal{WithIds("\"Anonymous\"", "\"i\""), "distinct_id", "not allowed"},
        Refusal{WithIds("null", "\"i\""), "distinct_id", "'null' is not allowed"},
        Refusal{WithIds("0", "\"i\""), "distinct_id", "not allowed"},
        Refusal{WithIds("true", "\"i\""), "distinct_id", "not allowed"},
        Refusal{WithIds("[]", "\"i\""), "distinct_id", "not allowed"},
        Refusal{WithIds("[1]", "\"i\""), "distinct_id", "must be a string"},
        Refusal{With(R"("time":1600000000,"distinct_id":"u")"), "$insert_id", "missing"},
        Refusal{With(R"("$distinct_ids":["a"])", "\"$merge\""), "properties.$distinct_ids",
                "must be a list of two ids"},
        Refusal{With(R"("$distinct_ids":"a")", "\"$merge\""), "properties.$distinct_ids",
                "must be a list of two ids"},
        Refusal{With(R"("time":1)", "\"$identify\""), kTime, "before 1971"},
        Refusal{WithIds("\"u\"", "\"\""), "$insert_id", "missing or blank"},
        Refusal{WithIds("\"u\"", "\"undefined\""), "$insert_id", "not allowed"},
        Refusal{WithIds("\"u\"", "\"00000000-0000-0000-0000-000000000000\""), "$insert_id",
                "not allowed"},
        Refusal{WithIds("\"u\"", "\"a:b\""), "$insert_id",
                "'$insert_id' is invalid: must only contain alphanumeric or hyphen '-' characters"},
        Refusal{WithIds("\"u\"", "\"\u00e9\""), "$insert_id", "must only contain"},
        Refusal{WithIds("\"u\"", StrCat("\"", std::string(37, 'a'), "\"")), "$insert_id",
                "longer than 36"}));

INSTANTIATE_TEST_SUITE_P(
    Text, Refused,
    ::testing::Values(
        Refusal{With("\"time\":1600000000,\"utm_source\":\"\xff\",\"x\":1"),
                "properties.utm_source",
                "properties.utm_source is invalid: string should be valid utf8"},
        Refusal{With("\"time\":1600000000,\"x\":{\"y\":[\"\xc3\"]}"), "properties.x", "utf8"},
        Refusal{With("\"a\":\"\u00e9\u20ac\U0001F600\",\"z\":\"\xed\xa0\x80\""), "properties.z",
                "utf8"},
        Refusal{With("\"a\":1", "\"\xf5\""), "event", "utf8"},
        Refusal{"{\"event\":\"a\",\"properties\":{},\"top\":\"\x80\"}", "top", "utf8"}));

TEST(EventChecker, AcceptsWhatMixpanelAccepts) {
  EXPECT_TRUE(Check(WithIds("\"\"", "\"i\"")).good);
  EXPECT_TRUE(Check(WithIds("12345", "\"i\"")).good);
  EXPECT_TRUE(Check(WithIds("\"u\"", "12345")).good);
  EXPECT_TRUE(Check(WithIds("\"u\"", StrCat("\"", std::string(36, 'a'), "\""))).good);
  EXPECT_TRUE(Check(With(R"("time":1600000000,"$insert_id":"i","$user_id":"x")")).good);
  EXPECT_TRUE(Check(With(R"("time":1600000000,"$insert_id":"i","$device_id":"x")")).good);
  EXPECT_TRUE(Check(With(R"("$distinct_ids":["a","b"])", "\"$merge\"")).good);
  EXPECT_TRUE(Check(With(R"("$identified_id":"u","$anon_id":"a")", "\"$identify\"")).good);
  EXPECT_TRUE(Check(With(R"("distinct_id":"u","alias":"a")", "\"$create_alias\"")).good);
  std::string deep = "1";
  for (int i = 0; i < 70; ++i) deep = StrCat("{\"a\":[", deep, "]}");
  EXPECT_TRUE(Check(WithTime(StrCat("1600000000,\"deep\":", deep))).good);
  EXPECT_TRUE(Check(WithTime(StrCat("1600000000,\"long\":\"", std::string(9000, 'x'), "\""))).good);
  EXPECT_TRUE(Check(WithTime("1600000000,\"n\":123456789012345678901234567890")).good);
}

TEST(EventChecker, BoundsSizeAndProperties) {
  std::string properties;
  for (int i = 0; i < 251; ++i) StrAppend(&properties, ",\"p", i, "\":", i);
  EXPECT_TRUE(Check(WithTime("1600000000" + properties)).good);
  const Checked many = Check(WithTime("1600000000" + properties + ",\"q\":1"));
  EXPECT_FALSE(many.good);
  EXPECT_EQ(many.problem.field, "properties");
  EXPECT_EQ(many.problem.insert_id, "i");
  const std::string head = WithTime("1600000000,\"x\":\"\"");
  const size_t room = kEventBytesBound - 1 - head.size();
  EXPECT_TRUE(Check(WithTime(StrCat("1600000000,\"x\":\"", std::string(room, 'x'), "\""))).good);
  EXPECT_FALSE(
      Check(WithTime(StrCat("1600000000,\"x\":\"", std::string(room + 1, 'x'), "\""))).good);
}

TEST(EventChecker, TrackGeneratesMissingValues) {
  const Checked checked = Check(R"({"event":"a","properties":{"token":"t"}})", Endpoint::kTrack);
  ASSERT_TRUE(checked.good) << checked.problem.message;
  EXPECT_EQ(checked.event.time_ms, kNowMs);
  EXPECT_THAT(checked.event.json, StartsWith(R"({"event":"a","properties":{"token":"t",)"));
  EXPECT_THAT(checked.event.json, HasSubstr(",\"$insert_id\":\""));
  const Splices& splices = checked.event.splices;
  EXPECT_EQ(checked.event.json.substr(splices.time_begin, splices.time_end - splices.time_begin),
            StrCat(kNowMs));
  EXPECT_EQ(checked.event.json.substr(splices.properties_end), "}}");
  EXPECT_TRUE(Check(checked.event.json, Endpoint::kTrack).good);
}

TEST(EventChecker, EventsWithoutDistinctIdGetTheirUserElseTheirDevice) {
  struct Case {
    std::string_view given, kept;
  };
  for (const auto& [given, kept] : {
           Case{R"("$user_id":"x","$device_id":"d")",
                R"("$user_id":"x","$device_id":"d","distinct_id":"x")"},
           Case{R"("$device_id":"d")", R"("$device_id":"d","distinct_id":"$device:d")"},
           Case{R"("$user_id":null,"$device_id":"d")",
                R"("$user_id":null,"$device_id":"d","distinct_id":"$device:d")"},
           Case{R"("$user_id":7)", R"("$user_id":7,"distinct_id":"7")"},
           Case{R"("distinct_id":"" ,"$user_id":"a\"b")",
                R"("distinct_id":"a\"b" ,"$user_id":"a\"b")"},
           Case{R"("distinct_id":"","n":1)", R"("distinct_id":"","n":1)"},
           Case{R"("distinct_id":"z","$user_id":"x")", R"("distinct_id":"z","$user_id":"x")"},
       }) {
    const auto with = [](std::string_view ids, std::string_view before = "") {
      return With(StrCat(before, R"("time":1600000000,"$insert_id":"i",)", ids));
    };
    const Checked checked = Check(with(given));
    ASSERT_TRUE(checked.good) << checked.problem.message;
    EXPECT_EQ(checked.event.json, with(kept));
    EXPECT_EQ(checked.event.key, Check(with(kept)).event.key);
    EXPECT_EQ(checked.event.json.substr(checked.event.splices.properties_end), "}}");
    const Checked after = Check(With(StrCat(given, R"(,"time":1600000000,"$insert_id":"i")")));
    const Splices& splices = after.event.splices;
    EXPECT_EQ(after.event.json.substr(splices.time_begin, splices.time_end - splices.time_begin),
              "1600000000");
  }
}

TEST(EventChecker, TheAddressIsNotKept) {
  constexpr std::string_view kRest = R"("time":1600000000,"distinct_id":"u","$insert_id":"i")";
  for (const std::string_view ip : {R"("1.2.3.4")", "0", "true", "null"}) {
    const std::string member = StrCat("\"ip\" : ", ip);
    for (const std::string& given :
         {StrCat(member, " , ", kRest), StrCat(kRest, ",", member),
          StrCat(R"("time":1600000000, )", member, R"(,"distinct_id":"u","$insert_id":"i")")}) {
      const Checked checked = Check(With(given));
      ASSERT_TRUE(checked.good) << checked.problem.message;
      EXPECT_EQ(checked.event.json.find("ip\""), std::string::npos) << checked.event.json;
      EXPECT_TRUE(Check(checked.event.json).good) << checked.event.json;
      const Splices& splices = checked.event.splices;
      EXPECT_EQ(
          checked.event.json.substr(splices.time_begin, splices.time_end - splices.time_begin),
          "1600000000");
    }
  }
  const Checked only =
      Check(R"({"event":"a","properties":{"token":"t","ip":"1.2.3.4"}})", Endpoint::kTrack);
  EXPECT_TRUE(Check(only.event.json, Endpoint::kTrack).good) << only.event.json;
}

TEST(EventChecker, TrackRequiresATokenAndRecentEvents) {
  const Checked none = Check(R"({"event":"a","properties":{}})", Endpoint::kTrack);
  EXPECT_FALSE(none.good);
  EXPECT_EQ(none.problem.message, "token, missing or empty");
  const Checked old =
      Check(R"({"event":"a","properties":{"token":"t","time":1600000000}})", Endpoint::kTrack);
  EXPECT_FALSE(old.good);
  EXPECT_TRUE(old.problem.silent);
}

TEST(IsBannedId, IgnoresCase) {
  for (std::string_view id : {"anon", "NULL", "N/A", "<nil>", "-1", "{}", "Undefined"}) {
    EXPECT_TRUE(IsBannedId(id)) << id;
  }
  for (std::string_view id : {"", "1", "user", "anonymous2", "00", "--1"}) {
    EXPECT_FALSE(IsBannedId(id)) << id;
  }
}

}  // namespace
}  // namespace millrace::sandbox
