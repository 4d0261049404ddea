// Usual events are what mapping makes of them: each event goes to a destination in both ways.
#include "proxy/usual_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "mapping/sources_config.h"
#include "proxy/enrich.h"
#include "spool/testing/delivered_events.h"

namespace millrace::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kNow = 1'796'008'365'123;

class UsualEventTest : public testing::Test {
 protected:
  // Enriches `text`, and delivers what the log gets to destinations of both kinds.
  void Take(std::string_view text) {
    records_.clear();
    EnrichRequest request{.address = "203.0.113.7", .unix_millis = kNow};
    ASSERT_TRUE(enricher_.Enrich(text, request, &records_));
    if (records_.count == 0 || !records_.are_mapped) return;
    for (const RecordRules& rules : {RecordRules(), RecordRules::Mixpanel()}) {
      const DeliveredEvents mapped = DeliverTo(rules, /*are_mapped=*/false);
      const DeliveredEvents copied = DeliverTo(rules, /*are_mapped=*/true);
      EXPECT_THAT(mapped.rejected, IsEmpty()) << text;
      EXPECT_EQ(copied.events, mapped.events) << text << "\n" << records_.lines.view();
    }
  }
  DeliveredEvents DeliverTo(const RecordRules& rules, bool are_mapped) {
    LogTransform transform(clock_, rules);
    return Deliver(transform, LogChunk(records_.lines.view(), are_mapped, config_));
  }
  bool IsUsual(std::string_view text) {
    Take(text);
    EXPECT_EQ(records_.count, 1u) << text;
    return records_.are_mapped;
  }
  // An event with a name, `time` and `rest`, which are JSON: a value, and further members.
  bool IsUsual(std::string_view time, std::string_view rest) {
    return IsUsual(StrCat(R"({"event":"E","properties":{"time":)", time, rest, "}}"));
  }

  FakeClock clock_{absl::FromUnixMillis(kNow)};
  const std::shared_ptr<const SourceConfig> config_ = SourcesConfig::MixpanelFormat().entries()[0];
  Enricher enricher_;
  EnrichedRecords records_;
};

TEST_F(UsualEventTest, ThoseOfSdksAre) {
  EXPECT_TRUE(IsUsual(
      R"({"event":"Page Viewed","properties":{"$os":"Mac OS X","$browser_version":126,)"
      R"("$insert_id":"0123456789abcdef","time":1796008364.988,"distinct_id":"$device:a-1",)"
      R"("$device_id":"a-1","token":"0123","big":12345678901234567890123,"l":[1,{"n":null}],)"
      R"("q":"\"\u00e9\n","no":false,"nan":[NaN]}})"));
  EXPECT_TRUE(IsUsual(R"({"event":"E","properties":{"$user_id":"u"}})")) << "gets time and id";
  // What mapping leaves out is left out: members beside the properties, and nulls.
  EXPECT_TRUE(
      IsUsual(R"({"$mp_metadata":{"$mp_event_id":"m"},"properties":{"time":1796008364,"a":null,)"
              R"("distinct_id":"u","b":NaN,"$user_id":null,"b2":1e999,"$insert_id":"i"},"id":1,)"
              R"("event":"E"})"));
  EXPECT_EQ(records_.lines.view(),
            R"({"event":"E","properties":{"time":1796008364000,"distinct_id":"u",)"
            R"("$insert_id":"i","ip":"203.0.113.7"}})"
            "\n");
  // The last of equal keys counts.
  EXPECT_TRUE(
      IsUsual("1796008364", R"(,"distinct_id":"0","\u0064istinct_id":"u","t\u0069me":1.7e9)"));
}

TEST_F(UsualEventTest, TimesAreInMilliseconds) {
  constexpr std::string_view kUser = R"(,"distinct_id":"u")";
  for (const char* const time :
       {"1796008364", "1796008364.5", "1796008364.123", "1796008364.123000", "1796008364123",
        "1796008364123.0", "1796008364123000", "1796008364123000000", "1.796008364123e9",
        "1796011965.123", "100000000", "null", "\"\""}) {
    EXPECT_TRUE(IsUsual(time, kUser)) << time;
  }
  for (const char* const time :
       {"1796008364.1234", "1796008364123.5", "1796008364123456", "\"1796008364\"",
        "\"2026-11-30T03:12:45Z\"", "1796011965.124", "99999999", "0", "-1", "4e9", "1796011965124",
        "18000000000000000000"}) {
    EXPECT_FALSE(IsUsual(time, kUser)) << time;
  }
  EXPECT_TRUE(IsUsual("1796008364.123", kUser));
  EXPECT_EQ(records_.lines.view().substr(0, 52),
            R"({"event":"E","properties":{"time":1796008364123,"dis)");
}

TEST_F(UsualEventTest, IdsAreTextThatMixpanelTakes) {
  for (const char* const ids :
       {R"("distinct_id":"u")", R"("$user_id":"u")", R"("$device_id":"é","distinct_id":null)",
        R"("distinct_id":"u","$user_id":"v","$device_id":"w")"}) {
    EXPECT_TRUE(IsUsual("1796008364", StrCat(",", ids))) << ids;
  }
  for (const char* const ids :
       {R"("x":1)", R"("distinct_id":"")", R"("distinct_id":" u")", R"("distinct_id":7)",
        R"("distinct_id":"undefined")", R"("distinct_id":"\u0075")", R"("distinct_id":{"a":1})",
        R"("distinct_id":"u","$user_id":"0")", R"("distinct_id":"u","$device_id":1.5)",
        R"("distinct_id":null)"}) {
    EXPECT_FALSE(IsUsual("1796008364", StrCat(",", ids))) << ids;
  }
}

TEST_F(UsualEventTest, NamesAreTextThatJoinsNothing) {
  for (const char* const name : {"E", "é", "$mp_web_page_view", "$identify_", "0", "null"}) {
    EXPECT_TRUE(IsUsual(StrCat(R"({"event":")", name, R"(","properties":{"distinct_id":"u"}})")))
        << name;
  }
  for (const char* const name :
       {"$identify", "$create_alias", "$merge", "$\\u0069dentify", " E", "a\\nb"}) {
    EXPECT_FALSE(IsUsual(StrCat(R"({"event":")", name, R"(","properties":{"distinct_id":"u"}})")))
        << name;
  }
}

TEST_F(UsualEventTest, MixpanelsLimitsHold) {
  const auto event = [](size_t properties, size_t bytes) {
    std::string text = R"({"event":"E","properties":{"distinct_id":"u")";
    for (size_t i = 1; i < properties; ++i) StrAppend(&text, ",\"p", i, "\":1");
    StrAppend(&text, ",\"x\":\"", std::string(bytes, 'x'), "\"}}");
    return text;
  };
  EXPECT_TRUE(IsUsual(event(249, 1)));
  EXPECT_FALSE(IsUsual(event(250, 1)));
  size_t largest = RecordRules::kMaxBytes;
  for (Take(event(1, largest)); records_.count == 0; Take(event(1, largest))) --largest;
  EXPECT_TRUE(records_.are_mapped);
  EXPECT_EQ(records_.lines.size(), RecordRules::kMaxBytes + 1);
}

TEST_F(UsualEventTest, AllOfARequestAreOrNone) {
  const std::string usual = R"({"event":"E","properties":{"distinct_id":"u"}})";
  const std::string other = R"({"event":"E","properties":{"a":1}})";
  Take(StrCat("[", usual, ",", usual, "]"));
  EXPECT_TRUE(records_.are_mapped);
  EXPECT_EQ(records_.count, 2u);
  for (const std::string& text : {StrCat(usual, other), StrCat(other, usual)}) {
    Take(text);
    EXPECT_FALSE(records_.are_mapped) << text;
    EXPECT_EQ(records_.count, 2u);
  }
  Take(StrCat("[", usual, ",7,{\"event\":1}]"));
  EXPECT_TRUE(records_.are_mapped) << "rejected ones are not in the log";
  EXPECT_THAT(records_.rejected, SizeIs(2));
  // Updates of profiles are always mapped by deliveries.
  records_.clear();
  EnrichRequest update{.type = RecordType::kUser};
  enricher_.Enrich(R"({"$distinct_id":"u","$set":{"a":1}})", update, &records_);
  EXPECT_EQ(records_.count, 1u);
  EXPECT_FALSE(records_.are_mapped);
}

// Events of parts that mapping treats in different ways.
class RandomEvents {
 public:
  explicit RandomEvents(uint64_t seed) : random_(seed) {}

  std::string Next() {
    std::string text = "{";
    if (Chance(10)) StrAppend(&text, R"("$mp_metadata":{"$mp_event_id":")", Number(5), "\"},");
    if (Chance(20)) {
      StrAppend(&text, Properties(), ",", Name(), "}");
    } else {
      StrAppend(&text, Name(), Chance(5) ? " , " : ",", Properties(), "}");
    }
    return text;
  }

 private:
  bool Chance(unsigned one_in) { return random_() % one_in == 0; }
  uint64_t Number(uint64_t below) { return random_() % below; }
  const char* Pick(const std::vector<const char*>& choices) {
    return choices[Number(choices.size())];
  }

  std::string Name() {
    return StrCat(
        "\"event\":\"",
        Chance(8) ? Pick({"$identify", "$merge", "\\u0024merge", " E", "\\ud83d", "é"}) : "E",
        "\"");
  }
  std::string Properties() {
    std::string text = "\"properties\":{";
    for (uint64_t left = Number(9); left > 0; --left) StrAppend(&text, Property(), ",");
    return StrCat(text, Chance(9) ? "\"z\":0" : R"("distinct_id":"u")", Chance(9) ? " }" : "}");
  }
  std::string Property() {
    const std::string key =
        Pick({"a", "b", "c", "time", "distinct_id", "$user_id", "$device_id", "$insert_id", "token",
              "ip", "\\u0061", "t\\u0069me", "", "event"});
    const bool is_time = key == "time" && !Chance(4);
    return StrCat("\"", key, Chance(15) ? "\" : " : "\":", is_time ? Time() : Any());
  }
  std::string Time() {
    std::string time = StrCat(1'700'000'000 + Number(96'500'000));
    if (Chance(3)) return StrCat(time, ".", Number(1000));
    if (Chance(3)) return StrCat(time, Pick({"000", "123", "123456", ".0", ".000001", "e0"}));
    return time;
  }
  std::string Any() {
    return Pick({"1",
                 "-0",
                 "1.50",
                 "1e2",
                 "1e999",
                 "NaN",
                 "null",
                 "true",
                 "\"\"",
                 "\" \"",
                 "\"x\"",
                 "\"0\"",
                 "\"none\"",
                 "\"\\u0078\"",
                 "\"\\ud800\"",
                 "\"a\\\"b\"",
                 "[]",
                 "{}",
                 "[1, 2]",
                 "[NaN,null]",
                 "{\"a\":1,\"a\":2}",
                 "[1,\n2]",
                 "18446744073709551615",
                 "123456789012345678901234567890",
                 "\"1796008364\"",
                 "\"seg:ment\"",
                 "12",
                 "\"00000000-0000-0000-0000-000000000000\"",
                 "9007199254740993",
                 "1796008364"});
  }

  std::mt19937_64 random_;
};

TEST_F(UsualEventTest, RandomOnesArriveAlike) {
  RandomEvents events(20261130);
  int usual = 0, other = 0;
  for (int n = 0; n < 5'000 && !HasFailure(); ++n) {
    std::string text = events.Next();
    // Several, so that keys are expected.
    for (int more = n % 3; more > 0; --more) text += events.Next();
    Take(text);
    if (records_.count > 0) records_.are_mapped ? ++usual : ++other;
  }
  EXPECT_GT(usual, 500);
  EXPECT_GT(other, 500);
}

}  // namespace
}  // namespace millrace::proxy
