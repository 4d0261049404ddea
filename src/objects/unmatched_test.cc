#include "objects/unmatched.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace millrace {
namespace {

SourcesConfig Config(int entries) {
  std::string json = "[";
  for (int i = 0; i < entries; ++i) {
    StrAppend(&json, i == 0 ? "" : ",", R"({"config_id": "c)", i, R"(", "source_prefix": "gs://b/)",
              i, R"(/"})");
  }
  absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(json + "]", "sources.json");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : SourcesConfig();
}

TEST(NoObjectFits, NamesPrefixesAndObjects) {
  const absl::Status status = NoObjectFits(Config(1), 1, {"/data/a.csv"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(
      status.message(),
      "no entry of the config matches the object of the input: its entries are for 'gs://b/0/', "
      "and the input has '/data/a.csv'; fix source_gcs_prefix or the input");
}

TEST(NoObjectFits, NamesTheFirstOfMany) {
  EXPECT_EQ(
      NoObjectFits(Config(9), 1000, {"/1", "/2", "/3"}).message(),
      "no entry of the config matches any of the 1,000 objects of the input: its entries are for "
      "'gs://b/0/', 'gs://b/1/', 'gs://b/2/' and 6 more, and the input has '/1', '/2', '/3' "
      "and 997 more; fix source_gcs_prefix or the input");
}

}  // namespace
}  // namespace millrace
