#include "objects/iceberg_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

TEST(IcebergName, NamesFilesByTheirTable) {
  const TimeRange all;
  EXPECT_EQ(IcebergFileName("/w/t", "/w/t/data/a.parquet", all), "iceberg:/w/t/#data/a.parquet");
  EXPECT_EQ(IcebergFileName("/w/t", "/w/tt/a.parquet", all), "iceberg:/w/t/#/w/tt/a.parquet");
  EXPECT_EQ(IcebergFileName("gs://b/t", "s3://c/a.parquet", all),
            "iceberg:gs://b/t/#s3://c/a.parquet");
  EXPECT_EQ(IcebergFileName("/t", "/t/a", {.from = 0, .to = 86'400'500'000}),
            "iceberg:/t/#a?since=1970-01-01T00:00:00Z&until=1970-01-02T00:00:00.5Z");
  EXPECT_EQ(IcebergFileName("/t", "/t/a", {.to = 0}), "iceberg:/t/#a?until=1970-01-01T00:00:00Z");
}

TEST(IcebergName, ParsesWhatItNames) {
  for (const std::string file : {"/w/t/data/a.parquet", "/elsewhere/a?b/#c.parquet",
                                 "gs://b/k/a.parquet", "/w/t/x=1/#2?since.parquet"}) {
    for (const TimeRange& range : {TimeRange(), TimeRange{.from = 1}, TimeRange{.to = 2}}) {
      const auto parts = ParseIcebergFileName(IcebergFileName("/w/t", file, range));
      ASSERT_TRUE(parts.ok()) << parts.status();
      EXPECT_EQ(parts->folder, "/w/t");
      EXPECT_EQ(parts->file, file);
    }
  }
  for (const char* name : {"/w/t/#a", "iceberg:/w/t", "iceberg:/w/t/data/a.parquet"}) {
    EXPECT_EQ(ParseIcebergFileName(name).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(IcebergName, RefusesFoldersThatNamesCannotContain) {
  EXPECT_EQ(IcebergTableName("/w/t").value(), "iceberg:/w/t/");
  EXPECT_EQ(IcebergTableName("/w/#t").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(IcebergName, VerbsThatCannotReadTablesPointToImport) {
  EXPECT_TRUE(RefuseIcebergInputs({"/w/t", "gs://iceberg:/t"}, "watch").ok());
  const absl::Status refused = RefuseIcebergInputs({"/w", "iceberg:/w/t"}, "watch");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("run millrace import iceberg:/w/t"));
}

}  // namespace
}  // namespace millrace
