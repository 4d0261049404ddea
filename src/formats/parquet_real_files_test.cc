// The real files of the test data: row counts and values from its README.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/strings.h"
#include "formats/parquet_reader.h"
#include "formats/testing/read_file.h"
#include "formats/testing/rows.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string DataFolder() {
  if (const char* folder = std::getenv("MILLRACE_TEST_DATA")) return folder;
  return StrCat(MILLRACE_SOURCE_DIR, "/../shared/data");
}

std::string PathOf(std::string_view file) { return StrCat(DataFolder(), "/", file); }

class ParquetRealFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(DataFolder())) {
      GTEST_SKIP() << "no test data in " << DataFolder() << " (set MILLRACE_TEST_DATA)";
    }
  }

  // The rows as RowsAsText shows them.
  static std::vector<std::string> Rows(std::string_view file, const ReadOptions& options = {},
                                       const ChunkLimits& limits = {}) {
    RowsAsText text;
    const std::unique_ptr<RowReader> reader = ReadFile(PathOf(file), text, options, limits);
    EXPECT_THAT(text.bad_raw, SizeIs(0));
    if (reader != nullptr && reader->type() == FileType::kParquet) {
      EXPECT_EQ(reader->known_rows(), text.rows.size() + options.from.row);
      EXPECT_EQ(reader->raw_bytes(), std::filesystem::file_size(PathOf(file)));
    }
    return std::move(text.rows);
  }

  static std::map<std::string, int> Count(const std::vector<std::string>& rows) {
    std::map<std::string, int> counts;
    for (const std::string& row : rows) ++counts[row];
    return counts;
  }
};

TEST_F(ParquetRealFilesTest, WikipediaEdits) {
  const auto names =
      Count(Rows("events/wikipedia_edits_2015-09-12.parquet", {.columns = {"event_name"}}));
  EXPECT_EQ(names.size(), 4u);
  EXPECT_EQ(names.at(R"(event_name="page_edit")"), 16'572);
  EXPECT_EQ(names.at(R"(event_name="bot_edit")"), 15'119);
  EXPECT_EQ(names.at(R"(event_name="minor_edit")"), 5'275);
  EXPECT_EQ(names.at(R"(event_name="page_created")"), 2'278);
  EXPECT_THAT(Rows("events/wikipedia_edits_2015-09-12.parquet"), SizeIs(39'244));
}

TEST_F(ParquetRealFilesTest, WikipediaParquetEqualsItsNdjson) {
  const std::vector<std::string> pairs[] = {
      // In the Parquet file; in the NDJSON file.
      {"channel", "channel"},      {"page", "page"},
      {"comment", "comment"},      {"city_name", "cityName"},
      {"metro_code", "metroCode"}, {"is_robot", "isRobot"},
      {"delta", "delta"},
  };
  const auto json = Rows("events/wikipedia_edits_2015-09-12.ndjson.gz");
  for (const auto& pair : pairs) {
    const auto parquet = Rows("events/wikipedia_edits_2015-09-12.parquet", {.columns = {pair[0]}});
    ASSERT_EQ(parquet.size(), json.size());
    for (size_t i = 0; i < json.size(); ++i) {
      ASSERT_THAT(json[i], HasSubstr(StrCat(pair[1], parquet[i].substr(pair[0].size())))) << i;
    }
  }
}

TEST_F(ParquetRealFilesTest, CranDownloads) {
  const auto rows = Rows("events/cran_downloads_2013-06-15.parquet");
  EXPECT_THAT(rows, SizeIs(37'459));
  EXPECT_THAT(rows[0], HasSubstr(R"(event_name="package_download" business_ts="2013-06-15T)"));
  const auto users =
      Count(Rows("events/cran_downloads_2013-06-15.parquet", {.columns = {"user_id"}}));
  EXPECT_EQ(users.size(), 2'373u);
}

TEST_F(ParquetRealFilesTest, GithubActivityFlat) {
  const auto names =
      Count(Rows("events/github_activity_2016-07-07.parquet", {.columns = {"event_name"}}));
  EXPECT_EQ(names.size(), 14u);
  EXPECT_EQ(names.at(R"(event_name="PushEvent")"), 1'137);
  EXPECT_EQ(names.at(R"(event_name="PublicEvent")"), 2);
}

TEST_F(ParquetRealFilesTest, GithubActivityNestedHasTheSameEventsAsItsFlatForm) {
  const auto flat = Rows("events/github_activity_2016-07-07.parquet",
                         {.columns = {"insert_id", "user_id", "event_name"}});
  const auto nested = Rows("events/github_activity_2016-07-07_nested.parquet",
                           {.columns = {"id", "type", "actor.id"}});
  std::set<std::string> expected;
  for (const std::string& row : flat) expected.insert(row);
  ASSERT_THAT(expected, SizeIs(2'000));
  for (const std::string& row : nested) {
    // actor={"id":123} id="456" type="PushEvent"
    const size_t id = row.find("\"id\":") + 5;
    const std::string actor = row.substr(id, row.find('}') - id);
    const size_t tail = row.find(" id=");
    const size_t type = row.find(" type=");
    const std::string event_name = StrCat("event_name=", row.substr(type + 6));
    const std::string user_id = StrCat("user_id=\"", actor, "\"");
    const std::string insert_id = StrCat("insert_", row.substr(tail + 1, type - tail - 1));
    EXPECT_EQ(expected.count(StrCat(event_name, " ", user_id, " ", insert_id)), 1u) << row;
  }
  EXPECT_THAT(nested, SizeIs(2'000));
}

TEST_F(ParquetRealFilesTest, GithubActivityNestedWholeRowsAreTheSameInChunksOfAnySize) {
  const char* file = "events/github_activity_2016-07-07_nested.parquet";
  const auto rows = Rows(file);
  EXPECT_THAT(rows, SizeIs(2'000));
  EXPECT_EQ(Rows(file, {}, {.rows = 37, .bytes = 20'000}), rows);
  EXPECT_EQ(Rows(file, {.from = {.row = 1'500}}),
            std::vector<std::string>(rows.begin() + 1'500, rows.end()));
}

TEST_F(ParquetRealFilesTest, AirlineFilesOfTwoWritersHoldTheSameRows) {
  const auto snappy = Rows("events/airline_ontime_2014-01.snappy.parquet");
  EXPECT_THAT(snappy, SizeIs(19'492));
  EXPECT_TRUE(Rows("events/airline_ontime_2014-01.zstd.parquet") == snappy);
  EXPECT_THAT(snappy[0], HasSubstr(" RandomAirports=["));
  const auto reader =
      OpenRows(OpenLocalFile(PathOf("events/airline_ontime_2014-01.zstd.parquet")), {});
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT((*reader)->columns(), SizeIs(79));
  const auto days =
      Count(Rows("events/airline_ontime_2014-01.snappy.parquet", {.columns = {"DaysSinceEpoch"}}));
  EXPECT_EQ(days.begin()->first, "DaysSinceEpoch=16071");
  EXPECT_EQ(days.rbegin()->first, "DaysSinceEpoch=16101");
}

TEST_F(ParquetRealFilesTest, ValleyBikeTrips) {
  EXPECT_THAT(Rows("trips/valleybike_trips_2018-2020.parquet"), SizeIs(147'636));
  EXPECT_THAT(Count(Rows("trips/valleybike_trips_2018-2020.parquet", {.columns = {"user_id"}})),
              SizeIs(554));
}

}  // namespace
}  // namespace millrace
