#include "connectors/postgres/postgres_event_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const TableName kTable{.schema = "a\"b", .table = "events"};

std::string Sql(Form form, const absl::flat_hash_set<std::string>& names, int64_t first = 0,
                int64_t last = 0) {
  return ReadEventsSql(kTable, form, {.first_day = first, .last_day = last, .names = names});
}

TEST(ReadEventsSqlTest, ListsTheNamesQuoted) {
  EXPECT_THAT(Sql(Form::kTable, {"Buy", "it's", "back\\slash", std::string("a\0b", 3)}),
              AllOf(HasSubstr(R"(FROM "a""b"."events" WHERE)"),
                    HasSubstr(R"(event IN ('Buy', E'back\\slash', 'it''s'))")));
  EXPECT_THAT(Sql(Form::kTable, {std::string("a\0b", 3)}), HasSubstr("AND false)"));
}

TEST(ReadEventsSqlTest, ReadsAllNamesIfThereAreMany) {
  absl::flat_hash_set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(StrCat("name ", i));
  EXPECT_THAT(Sql(Form::kTable, names), HasSubstr("'name 999'"));
  names.insert("one more");
  EXPECT_THAT(Sql(Form::kTable, names), AllOf(HasSubstr("event <> ''"), Not(HasSubstr(" IN "))));
}

TEST(ReadEventsSqlTest, DaysMayBeBefore1970) {
  EXPECT_THAT(Sql(Form::kTable, {"Buy"}, -2, -1),
              AllOf(HasSubstr("event_time >= to_timestamp(-172800)"),
                    HasSubstr("event_time < to_timestamp(0)")));
  EXPECT_THAT(Sql(Form::kRaw, {"Buy"}, -2, -1),
              AllOf(HasSubstr("millis >= -172800000"), HasSubstr("millis < 0")));
  EXPECT_THAT(Sql(Form::kFlat, {"Buy"}, -2, -1), HasSubstr("'1969-12-30' AND '1969-12-31'"));
}

class IdentifyTest : public testing::Test {
 protected:
  std::string Key(std::string_view record) {
    EventIdentity identity;
    const absl::Status status = identify_(record, identity);
    return status.ok() ? identity.key : status.ToString();
  }
  const EventReader::Identify identify_ =
      NewPostgresEventReader(*Address::Parse("postgres:///d"), kTable, Form::kTable)->NewIdentify();
};

TEST_F(IdentifyTest, IsThatOfTheColumns) {
  EXPECT_EQ(Key(R"({"event":"Buy","properties":{"time":1713928381000,"$insert_id":"i",)"
                R"("distinct_id":"d"}})"),
            R"(["Buy","d",1713928381000,"i"])");
  // A row has no distinct_id then, whatever Mixpanel makes of its user.
  EXPECT_EQ(Key(R"({"event":"Buy","properties":{"time":-1,"$insert_id":"i","$user_id":"u"}})"),
            R"(["Buy","",-1000,"i"])");
}

}  // namespace
}  // namespace millrace::postgres
