#include "connectors/mixpanel/event_properties.h"

#include <gmock/gmock.h>

namespace millrace::mixpanel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kEvent[] =
    R"({"event":"buy \"x\"","properties":{ "time": 5,"distinct_id":"u\u00e9","n":1.50,"a":[1,)"
    R"( {"time":7}],"$insert_id":"i","mp_processing_time_ms":9,"Größe":"ß\n"},"more":{"a":1}})";

TEST(EventPropertiesTest, KeepsWhatWasNamedAndWhatSaysWhichEventItIs) {
  EventProperties some({"n", "Größe", "missing"});
  for (int i = 0; i < 2; ++i) {
    const auto event = some.Read(kEvent);
    ASSERT_TRUE(event.ok()) << event.status();
    EXPECT_EQ(event->line,
              R"({"event":"buy \"x\"","properties":{"time":5,"distinct_id":"ué","n":1.50,)"
              R"("$insert_id":"i","mp_processing_time_ms":9,"Größe":"ß\n"},"more":{"a":1}})");
    EXPECT_THAT(event->ids, ElementsAre("ué"));
  }
}

TEST(EventPropertiesTest, WithoutNamesTheLineIsLeftAsItIs) {
  EventProperties all({});
  EXPECT_EQ(all.Read(kEvent)->line, kEvent);
  EXPECT_THAT(all.Read(R"({"event":"a","properties":{"distinct_id":12,)"
                       R"("$distinct_id_before_identity":"b"}})")
                  ->ids,
              ElementsAre("12", "b"));
  EXPECT_THAT(all.Read(R"({"$distinct_id":"u","$set":{"distinct_id":"x"}})")->ids,
              ElementsAre("u"));
  EXPECT_THAT(all.Read(R"({"event":1,"properties":2})")->ids, IsEmpty());
}

TEST(EventPropertiesTest, WhatIsNoObjectIsAnError) {
  EventProperties all({});
  for (const char* line : {"", "[]", "7", "{", R"({"event":"a","properties":{"a")"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(all.Read(line).status())) << line;
  }
}

}  // namespace
}  // namespace millrace::mixpanel
