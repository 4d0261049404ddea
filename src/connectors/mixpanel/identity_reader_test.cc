#include "connectors/mixpanel/identity_reader.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

std::string KeyOf(std::string_view json) {
  IdentityReader reader;
  EventIdentity identity;
  const absl::Status status = reader.Read(json, identity);
  return status.ok() ? identity.key : std::string(status.message());
}

TEST(IdentityReader, IsTheFourKeys) {
  EXPECT_EQ(KeyOf(R"({"event":"Buy","properties":{"time":1713928381988,"distinct_id":"u1",)"
                  R"("$insert_id":"i1","price":[1,{"time":3}]}})"),
            R"(["Buy","u1",1713928381988,"i1"])");
}

TEST(IdentityReader, TheOrderOfMembersDoesNotMatter) {
  EXPECT_EQ(KeyOf(R"({"properties":{"$insert_id":"i","distinct_id":"u","time":1713928381988},)"
                  R"("event":"Buy"})"),
            R"(["Buy","u",1713928381988,"i"])");
}

TEST(IdentityReader, SecondsBecomeMilliseconds) {
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381,"distinct_id":"u"}})"),
            R"(["e","u",1713928381000,""])");
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381.5,"distinct_id":"u"}})"),
            R"(["e","u",1713928381500,""])");
}

// They are sent in seconds, and shown in milliseconds.
TEST(IdentityReader, EarlyTimesAreReadInBothUnits) {
  for (const char* time : {"76204800", "76204800000"}) {
    EXPECT_EQ(KeyOf(StrCat(R"({"event":"e","properties":{"time":)", time, "}}")),
              R"(["e","",76204800000,""])");
  }
}

TEST(IdentityReader, NumericIdsAreText) {
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381988,)"
                  R"("distinct_id" : 9007199254740993 }})"),
            R"(["e","9007199254740993",1713928381988,""])");
}

TEST(IdentityReader, EscapesAndOtherScriptsCompareByMeaning) {
  EXPECT_EQ(KeyOf(R"({"event":"caf\u00e9","properties":{"time":1713928381988,)"
                  R"("distinct_id":"a\/b","\u0024insert_id":"x"}})"),
            KeyOf("{\"event\":\"caf\xc3\xa9\",\"properties\":{\"time\":1713928381988,"
                  "\"distinct_id\":\"a/b\",\"$insert_id\":\"x\"}}"));
}

TEST(IdentityReader, TheIdBeforeIdentityMergeWins) {
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381988,"distinct_id":"merged",)"
                  R"("$distinct_id_before_identity":"sent"}})"),
            R"(["e","sent",1713928381988,""])");
}

TEST(IdentityReader, HotShardEventsHaveTheirNameAndIdBack) {
  EXPECT_EQ(KeyOf(R"({"event":"$hotshard_events","properties":{"time":1713928381988,)"
                  R"("distinct_id":"x7","mp_original_event_name":"Buy",)"
                  R"("mp_original_distinct_id":"u"}})"),
            R"(["Buy","u",1713928381988,""])");
}

TEST(IdentityReader, WithoutDistinctIdTheUserOrDeviceStandsIn) {
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381988,"$device_id":"d"}})"),
            R"(["e","$device:d",1713928381988,""])");
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381988,"$device_id":"d",)"
                  R"("$user_id":"u"}})"),
            R"(["e","u",1713928381988,""])");
  EXPECT_EQ(KeyOf(R"({"event":"e","properties":{"time":1713928381988,"distinct_id":null}})"),
            R"(["e","",1713928381988,""])");
}

TEST(IdentityReader, WhatIsNoEventIsRefused) {
  IdentityReader reader;
  EventIdentity identity;
  for (const char* json :
       {"", "terminated early", "[1]", R"({"event":"e"})", R"({"properties":{"time":1}})",
        R"({"event":"e","properties":{"time":"soon"}})",
        R"({"event":"e","properties":{"time":1e30}})", R"({"event":1,"properties":{"time":1}})",
        R"({"event":"e","properties":{"time":1)"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(reader.Read(json, identity))) << json;
  }
}

}  // namespace
}  // namespace millrace::mixpanel
