#include "records/table_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<std::string> InLowerCase(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("a table has no name");
  return absl::AsciiStrToLower(ToAbsl(text));
}

absl::StatusOr<TableNames> Take(std::string_view uri) {
  UriQuery query = *UriQuery::Parse(uri);
  return TakeTableNames(query, InLowerCase);
}

TEST(CheckName, IsTextOfALength) {
  EXPECT_TRUE(CheckName("a table", "événements", 12).ok());
  EXPECT_THAT(ToStd(CheckName("a table", "", 9).message()), HasSubstr("a table has no name"));
  EXPECT_THAT(ToStd(CheckName("a table", "abcd", 3).message()), HasSubstr("longer than 3 bytes"));
  for (const std::string_view name : {std::string_view("a\0b", 3), std::string_view("\xff")}) {
    EXPECT_THAT(ToStd(CheckName("a table", name, 9).message()), HasSubstr("not UTF-8 text"));
  }
}

TEST(TakeTableNames, AllOrThoseThatAreNamed) {
  EXPECT_THAT(*Take("db://h"),
              ElementsAre(Pair(RecordType::kEvent, "events"), Pair(RecordType::kUser, "users"),
                          Pair(RecordType::kGroup, "groups")));
  EXPECT_THAT(*Take("db://h?table=Raw"), ElementsAre(Pair(RecordType::kEvent, "raw")));
  EXPECT_THAT(*Take("db://h?users=U&events=E"),
              ElementsAre(Pair(RecordType::kEvent, "e"), Pair(RecordType::kUser, "u")));
}

TEST(TakeTableNames, WhatDoesNotGoTogether) {
  EXPECT_THAT(ToStd(Take("db://h?table=t&events=u").status().message()), HasSubstr("name one"));
  EXPECT_THAT(ToStd(Take("db://h?users=t&groups=T").status().message()),
              HasSubstr("table t is named twice"));
  EXPECT_THAT(ToStd(Take("db://h?users=").status().message()),
              HasSubstr("the table of users: a table has no name"));
}

TEST(TakeViews, IsTrueUnlessItIsFalse) {
  const auto take = [](std::string_view uri) {
    UriQuery query = *UriQuery::Parse(uri);
    return TakeViews(query);
  };
  EXPECT_TRUE(*take("db://h"));
  EXPECT_TRUE(*take("db://h?views=true"));
  EXPECT_FALSE(*take("db://h?views=false"));
  EXPECT_THAT(ToStd(take("db://h?views=no").status().message()), HasSubstr("views is true or"));
}

TEST(CheckTableColumns, NamesThatTheDatabaseDoesNotTellApart) {
  const TableNames tables = {{RecordType::kEvent, "events"}};
  const auto check = [&](const std::vector<std::string>& columns) {
    return CheckTableColumns(tables, columns, InLowerCase, "names have no case");
  };
  EXPECT_TRUE(check({"plan", "amount:number"}).ok());
  EXPECT_THAT(ToStd(check({"plan", "Plan"}).message()),
              HasSubstr("Plan, which is a column of the table already: names have no case"));
  EXPECT_THAT(ToStd(check({"Event"}).message()), HasSubstr("already"));
  EXPECT_THAT(ToStd(check({"a:shape"}).message()), HasSubstr("columns="));
}

}  // namespace
}  // namespace millrace
