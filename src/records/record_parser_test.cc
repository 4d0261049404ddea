#include "records/record_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::string Event(std::string_view properties) {
  return StrCat("{\"event\":\"E\",\"properties\":", properties, "}");
}

std::string Repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

void ExpectRefused(RecordType type, std::string_view record, std::string_view why) {
  RecordParser parser(type);
  const absl::Status status = parser.Parse(record);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << record.substr(0, 100);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(why)));
  // It is as good as new.
  EXPECT_TRUE(parser.Parse(Event("{\"a\":1}")).ok());
}

TEST(RecordParserTest, RefusesWhatIsNotOneJsonObject) {
  const RecordType type = RecordType::kEvent;
  ExpectRefused(type, "", "blank");
  ExpectRefused(type, " \t\r", "blank");
  ExpectRefused(type, "text", "expected an object");
  ExpectRefused(type, "[]", "expected an object");
  ExpectRefused(type, "null", "expected an object");
  ExpectRefused(type, "{", "expected a key");
  ExpectRefused(type, "{\"event\"", "expected ':'");
  ExpectRefused(type, "{\"event\":\"E", "not closed");
  ExpectRefused(type, "{\"event\":\"E\",}", "expected a key");
  ExpectRefused(type, "{event:1}", "expected a key");
  ExpectRefused(type, Event("{}") + "{}", "text after the end");
  ExpectRefused(type, Event("{}") + ",", "text after the end");
  ExpectRefused(type, Event("{\"a\":01}"), "must not begin with 0");
  ExpectRefused(type, Event("{\"a\":tru}"), "expected a value");
  ExpectRefused(type, Event("{\"a\" \"b\"}"), "expected ':'");
  ExpectRefused(type, Event("{\"a\":\"\\x\"}"), "unknown escape");
  ExpectRefused(type, Event("{\"a\":\"\x01\"}"), "control character");
  ExpectRefused(type, Event("{\"a\":\"\xff\"}"), "not UTF-8");
  ExpectRefused(type, Event("{\"a\":\"\xed\xa0\x80\"}"), "not UTF-8");
  ExpectRefused(type, Event("{\n}"), "line end");
  ExpectRefused(type, std::string("{\"a\":1}\0", 8), "");
}

TEST(RecordParserTest, RefusesNumbersThatCanonicalJsonDoesNotHave) {
  for (const char* const number : {"1e400", "-1e400", "NaN", "Infinity", "-Infinity"}) {
    ExpectRefused(RecordType::kEvent, Event(StrCat("{\"a\":", number, "}")), "exceeds a double");
    ExpectRefused(RecordType::kEvent, Event(StrCat("{\"a\":{\"b\":[1,", number, "]}}")),
                  "exceeds a double");
  }
}

TEST(RecordParserTest, RefusesDeepNesting) {
  // The record and its properties are two levels.
  const auto nested = [](int levels) {
    return Event(StrCat("{\"a\":", Repeat("[", levels), Repeat("]", levels), "}"));
  };
  RecordParser parser(RecordType::kEvent);
  EXPECT_TRUE(parser.Parse(nested(62)).ok());
  ExpectRefused(RecordType::kEvent, nested(63), "nested more than 64 levels deep");
  ExpectRefused(RecordType::kEvent, nested(1'000'000), "nested more than 64 levels deep");
}

TEST(RecordParserTest, LimitsKeysAndOperations) {
  const auto members = [](int count, std::string_view value) {
    std::string text = "{\"$distinct_id\":\"u\"";
    for (int i = 0; i < count; ++i) StrAppend(&text, ",\"$k", i, "\":", value);
    return text + "}";
  };
  RecordParser parser(RecordType::kUser);
  EXPECT_TRUE(parser.Parse(members(9'999, "1")).ok());
  ExpectRefused(RecordType::kUser, members(10'000, "1"), "more than 10,000 keys");
  EXPECT_TRUE(parser.Parse(members(64, "{}")).ok());
  EXPECT_EQ(parser.payloads().size(), 64u);
  ExpectRefused(RecordType::kUser, members(65, "{}"), "more than 64 operations");
  ExpectRefused(RecordType::kUser, members(65, "[]"), "more than 64 operations");
  ExpectRefused(RecordType::kUser, StrCat("{\"a\":1", Repeat(",\"$set\":{}", 65), "}"),
                "more than 64 operations");
}

TEST(RecordParserTest, TakesHugeKeysAndValues) {
  const std::string huge(1 << 20, 'k');
  RecordParser parser(RecordType::kEvent);
  ASSERT_TRUE(parser.Parse(Event(StrCat("{\"", huge, "\":\"", huge, "\"}"))).ok());
  const MemberReader& properties = *parser.members().field(1).members;
  EXPECT_EQ(properties.shape().names[0], huge);
  EXPECT_EQ(properties.field(0).value.text, huge);
}

}  // namespace
}  // namespace millrace
