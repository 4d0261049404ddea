#include "connectors/bigquery/table_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::bigquery {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string_view uri) {
  const auto spec = TableSpec::Parse(uri);
  EXPECT_FALSE(spec.ok()) << uri;
  return std::string(spec.status().message());
}

TEST(TableSpec, TablesHaveTheNamesOfTheTypes) {
  const auto spec = TableSpec::Parse("bigquery://my-project/analytics");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->tables.at(RecordType::kEvent), "events");
  EXPECT_EQ(spec->tables.at(RecordType::kGroup), "groups");
  EXPECT_TRUE(spec->partition_by_day);
  EXPECT_EQ(spec->age, absl::Seconds(30));
  EXPECT_EQ(spec->forgotten, Forgotten::kStop);
  EXPECT_EQ(spec->Label(), "bigquery://my-project/analytics");
  EXPECT_EQ(spec->LedgerName(RecordType::kUser, ""), "bigquery://my-project/analytics/users");
  EXPECT_EQ(spec->LedgerName(RecordType::kUser, "h:1"),
            "bigquery://my-project/analytics/users@h:1");
  EXPECT_EQ(ResourceName(*spec, "events"), "projects/my-project/datasets/analytics/tables/events");
}

TEST(TableSpec, Options) {
  const auto spec = TableSpec::Parse(
      "bigquery://example.com:p/d?table=raw_events&columns=plan,amount:number&partition=none"
      "&location=EU&age=10s&forgotten=resend");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->tables.size(), 1u);
  EXPECT_EQ(spec->Label(), "bigquery://example.com:p/d/raw_events");
  EXPECT_EQ(spec->extra_columns.size(), 2u);
  EXPECT_FALSE(spec->partition_by_day);
  EXPECT_EQ(spec->location, "EU");
  EXPECT_EQ(spec->age, absl::Seconds(10));
  EXPECT_EQ(spec->forgotten, Forgotten::kResend);
}

TEST(TableSpec, ABucketIsForLoads) {
  EXPECT_EQ(TableSpec::Parse("bigquery://p/d")->method, Method::kStorageWrite);
  EXPECT_EQ(TableSpec::Parse("bigquery://p/d?method=insert_all")->method, Method::kInsertAll);
  EXPECT_EQ(TableSpec::Parse("bigquery://p/d?method=default_stream")->method,
            Method::kDefaultStream);
  for (const char* text :
       {"bigquery://p/d?bucket=gs://b/x", "bigquery://p/d?method=load&bucket=gs://b/x"}) {
    const auto spec = TableSpec::Parse(text);
    ASSERT_TRUE(spec.ok()) << spec.status();
    EXPECT_EQ(spec->method, Method::kLoad);
    EXPECT_EQ(spec->bucket->root, "gs://b/x/");
    EXPECT_EQ(spec->age, absl::Minutes(2));
    // The table is the same.
    EXPECT_EQ(spec->LedgerName(RecordType::kEvent, ""), "bigquery://p/d/events");
    EXPECT_EQ(spec->Label(), "bigquery://p/d");
  }
}

TEST(TableSpec, ProfilesAreAppendedUnlessUpsertsAreAskedFor) {
  const auto usual = TableSpec::Parse("bigquery://p/d?profiles=append");
  ASSERT_TRUE(usual.ok()) << usual.status();
  EXPECT_FALSE(usual->upserts(RecordType::kUser));
  const auto spec =
      TableSpec::Parse("bigquery://p/d?users=people&profiles=upsert&max_staleness=15m");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->upserts(RecordType::kUser));
  EXPECT_TRUE(spec->upserts(RecordType::kGroup));
  EXPECT_FALSE(spec->upserts(RecordType::kEvent));
  EXPECT_EQ(spec->max_staleness, absl::Minutes(15));
  EXPECT_EQ(spec->LedgerName(RecordType::kUser, ""), "bigquery://p/d/people");
}

TEST(TableSpec, WhatBigqueryDoesNotTakeIsRefused) {
  EXPECT_THAT(ErrorOf("bigquery://project"), HasSubstr("bigquery://PROJECT/DATASET"));
  EXPECT_THAT(ErrorOf("bigquery:///d"), HasSubstr("a project is its id"));
  EXPECT_THAT(ErrorOf("bigquery://p/my-data"), HasSubstr("a dataset has letters, digits and _"));
  EXPECT_THAT(ErrorOf("bigquery://p/d/t"), HasSubstr("a dataset has letters, digits and _"));
  EXPECT_THAT(
      ErrorOf("bigquery://p/d?table=a.b"),
      HasSubstr("the table of events: a table has letters, digits, _ and - only, not 'a.b'"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?events=a&table=b"), HasSubstr("name one"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?events=a&users=a"), HasSubstr("a is named twice"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=Event"),
              HasSubstr("does not tell upper from lower case"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=1st"), HasSubstr("not begin with a digit"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=a%20b"), HasSubstr("letters, digits and _"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=_partition_x"), HasSubstr("BigQuery keeps names"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=a:blob"), HasSubstr("columns="));
  EXPECT_THAT(ErrorOf("bigquery://p/d?schema=x.json"), HasSubstr("schema= describes one table"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?table=t&schema=/none/x.json"), HasSubstr("/none/x.json"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?partition=hour"), HasSubstr("day or none"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?age=10ms"), HasSubstr("at least 1s"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?bucket=gs://b&age=10s"), HasSubstr("at least 1m"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?bucket=s3://b"), HasSubstr("gs://bucket/folder/"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?method=load"), HasSubstr("take storage_write"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?method=insert_all&bucket=gs://b"), HasSubstr("method=load"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?method=copy"), HasSubstr("storage_write, default_stream"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?file_size=64"), HasSubstr("file_size"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?location=a%2Fb"), HasSubstr("location"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?forgotten=x"), HasSubstr("stop, resend or done"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?columns=_change_type"), HasSubstr("BigQuery keeps names"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?profiles=merge"), HasSubstr("append or upsert"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?table=t&profiles=upsert"), HasSubstr("add users=TABLE"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?max_staleness=15m"), HasSubstr("for profiles=upsert"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?profiles=upsert&max_staleness=25h"), HasSubstr("up to 24h"));
  EXPECT_THAT(ErrorOf("bigquery://p/d?key=secret"), HasSubstr("key"));
}

}  // namespace
}  // namespace millrace::bigquery
