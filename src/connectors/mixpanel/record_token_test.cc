#include "connectors/mixpanel/record_token.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace::mixpanel {
namespace {

TEST(RecordTokenReader, ReadsTheTokenOfEventsAndUpdates) {
  RecordTokenReader events(RecordType::kEvent), users(RecordType::kUser),
      groups(RecordType::kGroup);
  EXPECT_EQ(events.Read(R"({"event":"e","properties":{"a":{"token":"no"},"token":"T1","b":2}})"),
            "T1");
  EXPECT_EQ(events.Read(R"({"properties":{"token":"T2"},"token":"no","event":"e"})"), "T2");
  EXPECT_EQ(users.Read(R"({"$set":{"$token":"no"},"$token":"T3"})"), "T3");
  EXPECT_EQ(groups.Read(R"({"$token":"T4","$group_key":"k"})"), "T4");
}

TEST(RecordTokenReader, OthersAreEmpty) {
  RecordTokenReader events(RecordType::kEvent);
  for (const std::string& record : std::initializer_list<std::string>{
           "", "{}", "[]", "null", R"({"properties":{}})", R"({"properties":[]})",
           R"({"properties":{"token":1}})", R"({"properties":{"token":""}})",
           R"({"properties":{"token":"a b"}})", R"({"properties":{"token":"é"}})",
           R"({"properties":{"token":"a\nb"}})", R"({"properties":{"token":"a)", R"({"token":"a"})",
           StrCat(R"({"properties":{"token":")", std::string(200, 'x'), R"("}})")}) {
    EXPECT_EQ(events.Read(record), "") << record;
  }
}

}  // namespace
}  // namespace millrace::mixpanel
