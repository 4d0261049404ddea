#include "export/identity_events.h"

#include <gmock/gmock.h>

#include <map>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// The ids that have another one, with that, after the events of these names and properties.
std::map<std::string, std::string> Resolve(
    IdMerge merge, const std::vector<std::pair<std::string, std::string>>& events) {
  IdentityGraph graph(100);
  for (const auto& [name, properties] : events) {
    EXPECT_TRUE(
        AddIdentityEvent(StrCat("{\"event\":\"", name, "\",\"properties\":{", properties, "}}"),
                         merge, graph)
            .ok());
  }
  std::map<std::string, std::string> result;
  for (uint32_t i = 0; i < graph.size(); ++i) {
    if (graph.IdOf(i) != graph.ResolvedOf(i)) result.emplace(graph.IdOf(i), graph.ResolvedOf(i));
  }
  return result;
}

std::map<std::string, std::string> Original(
    const std::vector<std::pair<std::string, std::string>>& events) {
  return Resolve(IdMerge::kOriginal, events);
}

TEST(IdentityEventsTest, ReadsEachFormOfTheOriginalEvents) {
  EXPECT_THAT(Original({{"$identify", R"("$identified_id":"u","$anon_id":"a","time":1)"}}),
              ElementsAre(Pair("a", "u")));
  EXPECT_THAT(Original({{"$identify", R"("distinct_id":"u","$anon_distinct_id":"a")"}}),
              ElementsAre(Pair("a", "u")));
  EXPECT_THAT(Original({{"$create_alias", R"("distinct_id":"u","alias":"z")"}}),
              ElementsAre(Pair("z", "u")));
  EXPECT_THAT(Original({{"$merge", R"("$distinct_ids":["b","a"])"}}), ElementsAre(Pair("b", "a")));
  EXPECT_THAT(Original({{"$identify", R"("$identified_id":7,"$anon_id":"a")"}}),
              ElementsAre(Pair("a", "7")));
}

TEST(IdentityEventsTest, WhatMixpanelHasChosenCountsMore) {
  EXPECT_THAT(Original({{"$identify", R"("$identified_id":"u","$anon_id":"a","time":1)"},
                        {"$identify", R"("distinct_id":"a","$distinct_id_before_identity":"u",)"
                                      R"("$anon_distinct_id":"b","time":2)"}}),
              ElementsAre(Pair("b", "a"), Pair("u", "a")));
}

TEST(IdentityEventsTest, TheFirstUserIsTheResolvedOneByTheTimeOfArrival) {
  EXPECT_THAT(Original({{"$identify", R"("$identified_id":"u2","$anon_id":"a","time":1,)"
                                      R"("mp_processing_time_ms":20)"},
                        {"$identify", R"("$identified_id":"u1","$anon_id":"a","time":2,)"
                                      R"("mp_processing_time_ms":10)"}}),
              ElementsAre(Pair("a", "u1"), Pair("u2", "u1")));
}

TEST(IdentityEventsTest, WhatIsRefusedOrIncompleteSaysNothing) {
  EXPECT_THAT(
      Original({{"$identify", R"("$identified_id":"u","$anon_id":"a","$failure_reason":"limit")"},
                {"$merge", R"("$distinct_ids":["a","b"],"$identity_failure_reason":"x")"},
                {"$identify", R"("$identified_id":"u")"},
                {"$create_alias", R"("alias":"")"},
                {"$merge", R"("$distinct_ids":["a","b","c"])"},
                {"$merge", R"("$distinct_ids":["a",1])"},
                {"view", R"("distinct_id":"u","$device_id":"d","$user_id":"u")"}}),
      IsEmpty());
  IdentityGraph graph(10);
  for (const char* line :
       {"", "[]", "{", R"({"event":1,"properties":{}})", R"({"event":"$merge"})"}) {
    EXPECT_TRUE(AddIdentityEvent(line, IdMerge::kOriginal, graph).ok());
  }
  EXPECT_EQ(graph.size(), 0);
}

TEST(IdentityEventsTest, SimplifiedProjectsJoinDevicesWithUsers) {
  EXPECT_THAT(Resolve(IdMerge::kSimplified,
                      {{"view", R"("$device_id":"d1","$user_id":"u","time":1)"},
                       {"view", R"("$device_id":"$device:d2","$user_id":"u","time":1)"},
                       {"view", R"("$device_id":"d1","$user_id":"later","time":2)"},
                       {"view", R"("$device_id":"d3")"},
                       {"view", R"("$device_id":"d4","$user_id":"$device:d1")"},
                       {"$merge", R"("$distinct_ids":["a","b"])"}}),
              ElementsAre(Pair("$device:d1", "u"), Pair("$device:d2", "u")));
}

}  // namespace
}  // namespace millrace
