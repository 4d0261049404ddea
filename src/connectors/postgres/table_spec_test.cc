#include "connectors/postgres/table_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/strings.h"

namespace millrace::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

TableSpec MustParse(std::string_view uri) {
  absl::StatusOr<TableSpec> spec = TableSpec::Parse(uri);
  EXPECT_TRUE(spec.ok()) << uri << ": " << spec.status();
  return *std::move(spec);
}

std::string Refusal(std::string_view uri) {
  const absl::Status status = TableSpec::Parse(uri).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << uri << ": " << status;
  return std::string(ToStd(status.message()));
}

TEST(TableSpecTest, HasAllTablesUnlessSomeAreNamed) {
  const TableSpec all = MustParse("postgres://h/d");
  EXPECT_EQ(all.tables.size(), 3u);
  EXPECT_EQ(all.tables.at(RecordType::kEvent).Text(), "public.events");
  EXPECT_EQ(all.tables.at(RecordType::kGroup).Text(), "public.groups");
  EXPECT_EQ(all.form, Form::kTable);

  const TableSpec one = MustParse("postgres://h/d?table=T");
  ASSERT_EQ(one.tables.size(), 1u);
  EXPECT_EQ(one.tables.at(RecordType::kEvent).Text(), "public.T");

  const TableSpec two = MustParse("postgres://h/d?events=a.E&users=U");
  ASSERT_EQ(two.tables.size(), 2u);
  EXPECT_EQ(two.tables.at(RecordType::kEvent).Text(), "a.E");
  EXPECT_EQ(two.tables.at(RecordType::kUser).Text(), "public.U");
  EXPECT_EQ(MustParse("postgres://h/d?schema=s").tables.at(RecordType::kEvent).Text(), "s.events");
}

TEST(TableSpecTest, NamesAreQuoted) {
  const TableSpec spec = MustParse("postgres://h/d?table=a%20%22b%22;--&schema=S%C3%A9");
  EXPECT_EQ(spec.tables.at(RecordType::kEvent).Quoted(), "\"S\xC3\xA9\".\"a \"\"b\"\";--\"");
}

// Ledgers tell tables apart by it.
TEST(TableSpecTest, NoTwoTablesHaveTheSameText) {
  std::set<std::string> texts;
  const std::vector<std::string> queries = {
      "table=a.b.c",          "schema=a.b&table=c", "table=a.b%2Cc",
      "schema=a%2Cb&table=c", "table=a.%22b%22",    "table=a.b",
      "schema=a%2Fb&table=c", "table=a.b/c",        "schema=%22a%22&table=b",
      "table=a.%22b.c%22"};
  for (const std::string& query : queries) {
    texts.insert(MustParse(StrCat("postgres://h/d?", query)).tables.at(RecordType::kEvent).Text());
  }
  EXPECT_EQ(texts.size(), queries.size());
  EXPECT_THAT(texts, testing::Contains("a.b"));
}

TEST(TableSpecTest, TheRestIsForLibpq) {
  EXPECT_EQ(
      MustParse("postgres://u@h:1/d?table=T&sslmode=require&connect_timeout=5").address.name(),
      "postgres://h:1/d");
  EXPECT_EQ(MustParse("postgres:///d?host=/tmp/s&form=raw").address.name(),
            "postgres:///tmp/s:5432/d");
  Refusal("postgres://h/d?nonsense=1");
}

TEST(TableSpecTest, Options) {
  const TableSpec spec =
      MustParse("postgresql://h/d?columns=a,b:bigint,c:json&partition=day&add_columns=true");
  EXPECT_EQ(spec.extra_columns, (std::vector<std::string>{"a", "b:integer", "c:json"}));
  EXPECT_TRUE(spec.partition_by_day);
  EXPECT_TRUE(spec.add_columns);
  EXPECT_EQ(MustParse("postgres://h/d?form=raw").form, Form::kRaw);
}

TEST(TableSpecTest, WhatDoesNotGoTogetherIsRefused) {
  for (const char* query :
       {"table=T&events=E", "table=a&table=b", "events=T&users=T", "table=s.T&schema=s",
        "table=", "table=.x", "table=%zz", "table=%00", "table=%ff", "form=xml", "columns=a:xml",
        "columns=event", "columns=a,a", "partition=hour", "add_columns=1", "form=raw&columns=a",
        "form=flat&partition=day",
        "table=a_name_that_PostgreSQL_would_cut_at_its_sixty_third_byte"}) {
    EXPECT_THAT(Refusal(StrCat("postgres://h/d?", query)), Not(HasSubstr("cannot be read")))
        << query;
  }
  EXPECT_THAT(Refusal("postgres://h?table=T"), HasSubstr("name the database"));
  EXPECT_THAT(Refusal("host=h dbname=d"), HasSubstr("it should be postgres://"));
}

TEST(TableSpecTest, PasswordsAreRefusedAndNotQuoted) {
  for (const char* uri : {"postgres://u:hush@h/d", "postgres://u@h/d?password=hush&table=T",
                          "postgres://u@h/d?sslpassword=hush"}) {
    EXPECT_THAT(Refusal(uri), testing::AllOf(HasSubstr("PGPASSWORD"), Not(HasSubstr("hush"))));
  }
}

}  // namespace
}  // namespace millrace::postgres
