#include "connectors/iceberg/iceberg_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace millrace::iceberg {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IcebergSpec MustParse(const std::string& uri) {
  const auto spec = IcebergSpec::Parse(uri);
  EXPECT_TRUE(spec.ok()) << uri << ": " << spec.status();
  return spec.ok() ? *spec : IcebergSpec();
}

std::string Error(const std::string& uri) {
  const auto spec = IcebergSpec::Parse(uri);
  EXPECT_TRUE(absl::IsInvalidArgument(spec.status())) << uri;
  return spec.status().ToString();
}

TEST(IcebergSpec, HasDefaults) {
  const IcebergSpec spec = MustParse("iceberg:gs://b/tables");
  EXPECT_FALSE(spec.has_catalog());
  EXPECT_EQ(spec.root, "gs://b/tables/");
  EXPECT_EQ(spec.partition, Unit::kDay);
  EXPECT_FALSE(spec.by_arrival);
  EXPECT_EQ(spec.tables.size(), 3u);
  EXPECT_EQ(spec.LedgerName(RecordType::kUser), "iceberg:gs://b/tables/users/");
}

TEST(IcebergSpec, ReadsEachParameter) {
  const IcebergSpec spec = MustParse(
      "iceberg:https://c.example/api/"
      "?warehouse=w%201&namespace=a.b&table=clicks&columns=x,y:integer&"
      "partition=hour&time=arrival&file_size=16&age=90s");
  EXPECT_TRUE(spec.has_catalog());
  EXPECT_EQ(spec.catalog.url, "https://c.example/api");
  EXPECT_EQ(spec.catalog.warehouse, "w 1");
  EXPECT_THAT(spec.catalog.name_space, ElementsAre("a", "b"));
  EXPECT_EQ(spec.tables.at(RecordType::kEvent), "clicks");
  EXPECT_EQ(spec.tables.size(), 1u);
  EXPECT_THAT(spec.extra_columns, ElementsAre("x", "y:integer"));
  EXPECT_EQ(spec.partition, Unit::kHour);
  EXPECT_TRUE(spec.by_arrival);
  EXPECT_EQ(spec.file_bytes, size_t{16} << 20);
  EXPECT_EQ(spec.age, absl::Seconds(90));
  EXPECT_EQ(spec.LedgerName(RecordType::kEvent), "iceberg:https://c.example/api/w%201/a.b.clicks");
}

TEST(IcebergSpec, OtherTextsAreRefused) {
  EXPECT_THAT(Error("iceberg:"), HasSubstr("name a folder"));
  EXPECT_THAT(Error("iceberg:t/?partition=week"), HasSubstr("none, hour, day, month or year"));
  EXPECT_THAT(Error("iceberg:t/?namespace=a"), HasSubstr("namespace"));
  EXPECT_THAT(Error("iceberg:t/?format=parquet"), HasSubstr("format"));
  EXPECT_THAT(Error("iceberg:https://c.example"), HasSubstr("namespace=analytics"));
  EXPECT_THAT(Error("iceberg:https://c.example?namespace=a..b"), HasSubstr("empty level"));
  EXPECT_THAT(Error("iceberg:https://c.example?namespace=a&table=b/c"), HasSubstr("b/c"));
  EXPECT_THAT(Error("iceberg:http://c.example?namespace=a"), HasSubstr("must be https"));
  EXPECT_THAT(Error("iceberg:https://u:hunter2@c.example?namespace=a"),
              testing::AllOf(HasSubstr("ICEBERG_REST_TOKEN"), Not(HasSubstr("hunter2"))));
  EXPECT_TRUE(MustParse("iceberg:http://127.0.0.1:8181?namespace=a").has_catalog());
}

}  // namespace
}  // namespace millrace::iceberg
