#include "objects/mapped_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "formats/testing/parquet_files.h"
#include "formats/testing/rows.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

SourceConfig Config(std::string_view mappings) {
  const auto config =
      SourcesConfig::Parse(StrCat(R"([{"config_id": "c", "source_prefix": "", "field_mappings": [
             {"source_field": "time", "mixpanel_field": "time"}, )",
                                  mappings, "]}]"),
                           "sources.json");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config->entries().front() : SourceConfig();
}

constexpr char kAmount[] = R"({"source_field": "amount", "mixpanel_field": "paid"})";
constexpr char kBoth[] = R"({"source_field": "amount", "mixpanel_field": "paid"},
                            {"source_field": "amount_2", "mixpanel_field": "due"})";
constexpr char kUserId[] = R"({"source_field": "userid", "mixpanel_field": "distinct_id"},
                              {"source_field": "extra.a", "mixpanel_field": "a"})";
constexpr char kRest[] = R"({"source_field": "*", "mixpanel_field": "*"})";

struct Opened {
  absl::Status status;
  std::vector<std::string> warnings;  // "code field"
  std::string first_message;
};

Opened Open(const std::string& content, std::string_view mappings, bool strict = false) {
  const SourceConfig config = Config(mappings);
  Warnings warnings;
  if (strict) warnings.MakeErrors();
  ReadOptions options = ReadOptionsFor(config);
  options.warnings = &warnings;
  Opened opened{
      .status = OpenMappedRows(std::make_shared<MemoryObject>(content), config, options).status()};
  for (const auto& [warning, count] : warnings.all()) {
    EXPECT_EQ(warning.object, "memory");
    EXPECT_EQ(warning.config_id, "c");
    opened.warnings.push_back(StrCat(warning.code, " ", warning.field));
    if (opened.first_message.empty()) opened.first_message = warning.message;
  }
  return opened;
}

// The same columns in each format that knows them before the rows.
class MappedRowsTest : public testing::TestWithParam<bool> {
 protected:
  static std::string File(const std::vector<std::string>& columns) {
    if (GetParam()) return MakeOneRowParquet(columns);
    std::string csv;
    for (const std::string& name : columns) StrAppend(&csv, csv.empty() ? "" : ",", name);
    csv += '\n';
    for (size_t i = 0; i < columns.size(); ++i) csv += i == 0 ? "1" : ",1";
    return csv + "\n";
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, MappedRowsTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Parquet" : "Csv"; });

TEST_P(MappedRowsTest, WarnsOfMappedColumnsThatAreMissingWithTheNearestName) {
  const Opened opened = Open(File({"time", "user_id", "extra"}), kUserId);
  EXPECT_TRUE(opened.status.ok()) << opened.status;
  EXPECT_THAT(opened.warnings, ElementsAre("missing_column userid"));
  EXPECT_EQ(opened.first_message,
            "column \"userid\", used for \"distinct_id\", is not in the file; did you mean "
            "\"user_id\"?");
  EXPECT_THAT(Open(File({"time", "x"}), kUserId).first_message,
              HasSubstr("its columns are time, x"));
}

TEST_P(MappedRowsTest, WarnsOfColumnsWithTheSameName) {
  const Opened opened = Open(File({"time", "amount", "amount"}), kRest);
  EXPECT_TRUE(opened.status.ok()) << opened.status;
  EXPECT_THAT(opened.warnings, ElementsAre("duplicate_column amount_2"));
  EXPECT_THAT(opened.first_message, HasSubstr("another one is read as \"amount_2\""));
}

TEST_P(MappedRowsTest, RejectsAnAmbiguousMappedColumn) {
  const Opened opened = Open(File({"time", "amount", "amount"}), kAmount);
  EXPECT_TRUE(absl::IsInvalidArgument(opened.status)) << opened.status;
  EXPECT_THAT(std::string(opened.status.message()),
              AllOf(HasSubstr("column \"amount\", used for \"paid\", is ambiguous"),
                    HasSubstr("map \"amount_2\" too")));
  EXPECT_TRUE(Open(File({"time", "amount", "amount"}), kBoth).status.ok());
  EXPECT_TRUE(Open(File({"time", "amount", "amount_2"}), kBoth).warnings.empty());
}

TEST_P(MappedRowsTest, WarningsAreErrorsOnRequest) {
  EXPECT_TRUE(absl::IsInvalidArgument(Open(File({"time"}), kUserId, /*strict=*/true).status));
  EXPECT_TRUE(
      absl::IsInvalidArgument(Open(File({"time", "a", "a"}), kRest, /*strict=*/true).status));
  EXPECT_TRUE(Open(File({"time", "a"}), kRest, /*strict=*/true).status.ok());
}

TEST(MappedRows, DoesNotCheckColumnsOfJson) {
  EXPECT_TRUE(Open("{\"time\":1}\n", kUserId).warnings.empty());
}

}  // namespace
}  // namespace millrace
