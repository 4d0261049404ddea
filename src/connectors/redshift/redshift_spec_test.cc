#include "connectors/redshift/redshift_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace::redshift {
namespace {

using testing::HasSubstr;
using testing::Not;

absl::StatusOr<RedshiftSpec> Parse(std::string_view uri, bool has_bucket = false) {
  auto query = UriQuery::Parse(uri);
  if (!query.ok()) return query.status();
  return RedshiftSpec::Parse(*std::move(query), has_bucket);
}

std::string ErrorOf(std::string_view uri, bool has_bucket = false) {
  const auto spec = Parse(uri, has_bucket);
  EXPECT_TRUE(absl::IsInvalidArgument(spec.status())) << uri << ": " << spec.status();
  return std::string(ToStd(spec.status().message()));
}

TEST(RedshiftSpecTest, AWorkgroup) {
  const auto spec = Parse("redshift://work-1/Dev/Sales?region=eu-west-1&columns=Plan,n:integer");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_TRUE(spec->uses_data_api());
  EXPECT_EQ(spec->workgroup, "work-1");
  EXPECT_EQ(spec->cluster, "");
  EXPECT_EQ(spec->database, "dev");
  EXPECT_EQ(spec->schema, "sales");
  EXPECT_EQ(spec->method, Method::kInsert);
  EXPECT_EQ(spec->Label(), "redshift://work-1/dev/sales");
  EXPECT_EQ(spec->LedgerName(RecordType::kEvent), "redshift://work-1.eu-west-1/dev/sales.events");
}

TEST(RedshiftSpecTest, AClusterAndATable) {
  const auto spec = Parse("redshift://clu/dev?cluster_user=loader&table=\"Odd.Name\"");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->cluster, "clu");
  EXPECT_EQ(spec->workgroup, "");
  EXPECT_EQ(spec->schema, "public");
  EXPECT_EQ(spec->tables.size(), 1u);
  EXPECT_EQ(spec->LedgerName(RecordType::kEvent),
            "redshift://cluster:clu/dev/public.\"\"\"odd.name\"\"\"");
  EXPECT_TRUE(Parse("redshift://clu/dev/s?cluster=true")->cluster == "clu");
}

TEST(RedshiftSpecTest, AClusterAndAWorkgroupOfOneNameAreTwo) {
  const auto workgroup = Parse("redshift://work/dev/s?region=eu-west-1");
  const auto cluster = Parse("redshift://work/dev/s?region=eu-west-1&cluster=true");
  ASSERT_TRUE(workgroup.ok() && cluster.ok());
  EXPECT_EQ(workgroup->LedgerName(RecordType::kEvent), "redshift://work.eu-west-1/dev/s.events");
  EXPECT_EQ(cluster->LedgerName(RecordType::kEvent),
            "redshift://cluster:work.eu-west-1/dev/s.events");
  EXPECT_EQ(cluster->Label(), "redshift://cluster:work/dev/s");
}

TEST(RedshiftSpecTest, AnEmptySslmodeIsAbsent) {
  const auto options = [](std::string_view text) {
    auto query = UriQuery::Parse(StrCat("redshift://h:1/d", text));
    EXPECT_TRUE(query.ok()) << query.status();
    return LibpqOptions(*query);
  };
  EXPECT_EQ(options(""), "?sslmode=require");
  EXPECT_EQ(options("?sslmode="), "?sslmode=require");
  EXPECT_EQ(options("?sslrootcert=&sslmode=&keepalives=1"), "?keepalives=1&sslmode=require");
  EXPECT_EQ(options("?ssl%6dode="), "?ssl%6dode=&sslmode=require");
  EXPECT_EQ(options("?sslmode=verify-full&sslrootcert=/a%20b"),
            "?sslmode=verify-full&sslrootcert=%2Fa%20b");
}

TEST(RedshiftSpecTest, OptionsOfAnotherWayAreNamed) {
  for (const char* name : {"region", "cluster", "cluster_user", "secret_arn"}) {
    const std::string error = ErrorOf(StrCat("redshift://u@host:5439/dev/s?", name, "=hidden"));
    EXPECT_THAT(error, HasSubstr(StrCat(name, "= is only for the Data API")));
    EXPECT_THAT(error, Not(HasSubstr("hidden")));
  }
  const std::string unknown = ErrorOf("redshift://u@host:5439/dev/s?keepalives=1&tabel=hidden");
  EXPECT_THAT(unknown, HasSubstr("tabel= is neither"));
  EXPECT_THAT(unknown, Not(HasSubstr("hidden")));
  EXPECT_TRUE(Parse("redshift://u@h:1/d?port=5439&connect_timeout=3").ok());
}

TEST(RedshiftSpecTest, ARegionIsNoHost) {
  for (const char* region : {"evil.example/", "EU-west-1", "a%40b", "eu-west-1."}) {
    EXPECT_THAT(ErrorOf(StrCat("redshift://work/dev/s?region=", region)), HasSubstr("eu-west-1"));
  }
}

TEST(RedshiftSpecTest, AServer) {
  const auto spec = Parse("redshift://Loader@Host.Example:5439/dev/s?sslrootcert=f&users=u");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_FALSE(spec->uses_data_api());
  EXPECT_EQ(spec->host, "host.example:5439");
  EXPECT_EQ(spec->LedgerName(RecordType::kUser), "redshift://host.example:5439/dev/s.u");
}

TEST(RedshiftSpecTest, Copy) {
  const auto spec = Parse("redshift://work/dev/s?iam_role=arn:aws:iam::1:role/r", true);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->method, Method::kCopy);
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?method=copy"), HasSubstr("needs bucket="));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?method=insert", true), HasSubstr("method=copy"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?iam_role=arn:x"), HasSubstr("method=copy"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?iam_role=r", true), HasSubstr("ARN"));
}

TEST(RedshiftSpecTest, Errors) {
  EXPECT_THAT(ErrorOf("redshift://work"), HasSubstr("redshift://WORKGROUP/DATABASE/SCHEMA"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s/t"), HasSubstr("it should be"));
  EXPECT_THAT(ErrorOf("redshift://host.example/dev/s"), HasSubstr("a host needs its port"));
  EXPECT_THAT(ErrorOf("redshift://u@work/dev/s"), HasSubstr("takes AWS credentials"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?tabel=x"), HasSubstr("tabel"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?events=a&users=A"), HasSubstr("named twice"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?columns=Token"), HasSubstr("lower case"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?views=no"), HasSubstr("true or false"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?method=x"), HasSubstr("insert or copy"));
  EXPECT_THAT(ErrorOf("redshift://work/dev/s?cluster_user=u&secret_arn=a"), HasSubstr("name one"));
  EXPECT_THAT(ErrorOf("redshift://work//s"), HasSubstr("no name"));
  const std::string password = ErrorOf("redshift://u:secret@host:5439/dev/s");
  EXPECT_THAT(password, HasSubstr("PGPASSWORD"));
  EXPECT_THAT(password, Not(HasSubstr("secret@")));
}

}  // namespace
}  // namespace millrace::redshift
