// init on the real files of the test data: its guesses, and that a plan with its config rejects
// nothing.
#include "init/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/strings.h"
#include "io/gzip_encoder.h"
#include "io/temp_folder.h"
#include "mapping/sources_config.h"
#include "pipeline/testing/memory_ledger.h"
#include "pipeline/testing/plain_destination.h"
#include "plan/plan.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string DataFolder() {
  if (const char* folder = std::getenv("MILLRACE_TEST_DATA")) return folder;
  return StrCat(MILLRACE_SOURCE_DIR, "/../shared/data");
}

struct Expected {
  const char* file;
  double rows;
  const char* event_name;  // a column after '@', else the name itself
  const char* time;
  const char* user;
  const char* insert_id;
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.file; }

// The source of the mapping to `target`, or "".
std::string SourceOf(const Json& entry, const std::string& target) {
  for (const Json& mapping : entry.at("field_mappings")) {
    if (mapping.at("mixpanel_field") == target) return mapping.at("source_field");
  }
  return "";
}

class InitRealFilesTest : public ::testing::TestWithParam<Expected> {};

TEST_P(InitRealFilesTest, GuessesAConfigThatRejectsNothing) {
  const Expected& expected = GetParam();
  const std::string path = StrCat(DataFolder(), "/", expected.file);
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << "no test data in " << DataFolder() << " (set MILLRACE_TEST_DATA)";
  }
  const absl::StatusOr<InitResult> result = InitConfig({.input = path, .sample_rows = 10'000}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
  EXPECT_FALSE(result->config.mixpanel_format);

  const Json entry = Json::parse(result->config.json).at(0);
  const std::string event =
      entry.contains("mixpanel_event_name")
          ? entry.at("mixpanel_event_name").get<std::string>()
          : StrCat("@", entry.at("mixpanel_event_name_from_field").get_ref<const std::string&>());
  EXPECT_EQ(event, expected.event_name);
  EXPECT_EQ(SourceOf(entry, "time"), expected.time);
  EXPECT_EQ(SourceOf(entry, "$user_id"), expected.user);
  EXPECT_EQ(SourceOf(entry, "$insert_id"), expected.insert_id);

  auto sources = SourcesConfig::Parse(result->config.json, "sources.json");
  ASSERT_TRUE(sources.ok()) << sources.status();
  PlainDestination destination;
  destination.record_rules = RecordRules::Mixpanel();
  PlanRequest request{.destination = &destination, .sample_rows = 0, .sample_objects = 0};
  request.import.inputs = {path};
  request.import.sources = *std::move(sources);
  MemoryLedger ledger(Clock::Real());
  PlanProgress progress;
  const absl::StatusOr<ImportPlan> plan = PlanImport(request, ledger, {}, progress);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->success());
  EXPECT_TRUE(plan->exact);
  EXPECT_EQ(plan->to_do.rows, expected.rows);
  EXPECT_EQ(plan->to_do.events, expected.rows);
  EXPECT_EQ(plan->objects_unmatched, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Files, InitRealFilesTest,
    ::testing::Values(Expected{"events/wikipedia_edits_2015-09-12.ndjson.gz", 39'244,
                               "wikipedia_edits", "time", "user", ""},
                      Expected{"events/wikipedia_edits_2015-09-12.parquet", 39'244, "@event_name",
                               "business_ts", "user_id", "insert_id"},
                      Expected{"events/github_events_2021-07-21.ndjson.gz", 800, "@type",
                               "created_at", "actor.id", "id"},
                      Expected{"events/github_activity_2016-07-07_nested.parquet", 2'000, "@type",
                               "created_at", "actor.id", "id"},
                      Expected{"events/github_activity_2016-07-07.parquet", 2'000, "@event_name",
                               "business_ts", "user_id", "insert_id"},
                      Expected{"events/cran_downloads_2013-06-15.csv.gz", 37'459, "cran_downloads",
                               "date", "", ""},
                      Expected{"events/cran_downloads_2013-06-15.parquet", 37'459, "@event_name",
                               "business_ts", "user_id", "insert_id"},
                      Expected{"events/airline_ontime_2014-01.snappy.parquet", 19'492,
                               "airline_ontime", "FlightDate", "", ""},
                      Expected{"events/airline_ontime_2014-01.zstd.parquet", 19'492,
                               "airline_ontime", "FlightDate", "", ""},
                      Expected{"trips/valleybike_trips_2018-2020.csv.gz", 147'636,
                               "valleybike_trips", "start_time", "", ""},
                      Expected{"trips/valleybike_trips_2018-2020.parquet", 147'636,
                               "valleybike_trips", "trip_start_time", "user_id", ""}));

class InitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempFolder::Make(testing::TempDir(), "init_test");
    ASSERT_TRUE(folder.ok()) << folder.status();
    temp_ = *std::move(folder);
    folder_ = *temp_->MakeFolder("data");
  }
  std::string Write(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::unique_ptr<TempFolder> temp_;
  std::string folder_;
};

TEST_F(InitTest, MixpanelsFormatNeedsNoConfig) {
  const auto result = InitConfig(
      {.input =
           Write("e.ndjson", R"({"event":"a","properties":{"time":1600000000,"distinct_id":"u"}})"
                             "\n")},
      {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->config.mixpanel_format);
  EXPECT_EQ(result->config.json, "");
  EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
}

TEST_F(InitTest, IdentityEventsNeedNoConfig) {
  const std::string merge = R"({"event":"$merge","properties":{"$distinct_ids":["a","b"]}})"
                            "\n";
  const std::string event = R"({"event":"a","properties":{"time":1600000000,"distinct_id":"u"}})"
                            "\n";
  for (const std::string& content : {merge, event + merge}) {
    const auto result = InitConfig({.input = Write("m.ndjson", content)}, {});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->config.mixpanel_format);
    EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
  }
}

TEST_F(InitTest, RecognizesTheUsersThatMixpanelExports) {
  const auto result =
      InitConfig({.input = Write("u.ndjson", R"({"$distinct_id":"u1","$properties":{"$name":"N"}})"
                                             "\n")},
                 {});
  ASSERT_TRUE(result.ok()) << result.status();
  const Json entry = Json::parse(result->config.json)[0];
  EXPECT_EQ(entry.at("record_type"), "user");
  EXPECT_FALSE(entry.contains("field_mappings"));
  EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
}

TEST_F(InitTest, SaysHowManyRowsItsConfigWouldReject) {
  const auto result = InitConfig({.input = Write("v.csv", "id,page\n1,home\n2,about\n")}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows, 2u);
  EXPECT_EQ(result->rejected, 2u);
  EXPECT_THAT(result->first_rejection, HasSubstr("invalid_time"));
}

TEST_F(InitTest, SamplesTheFirstFileOfAFolder) {
  Write("b.csv", "ts,x\n2020-01-01,1\n");
  const std::string first = Write("a.csv", "ts,x\n2020-01-01,1\n");
  const auto result = InitConfig({.input = folder_}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->uri.ends_with("/a.csv")) << result->uri;
}

TEST_F(InitTest, FindsTheQuotesOfTsvCells) {
  const auto result = InitConfig(
      {.input = Write("q.tsv", "\"ts\"\t\"x\"\n\"2020-01-01T00:00:00Z\"\t\"a\nb\"\n")}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  const Json entry = Json::parse(result->config.json)[0];
  EXPECT_EQ(entry.at("quote"), "\"");
  EXPECT_EQ(SourceOf(entry, "time"), "ts");
  EXPECT_EQ(result->rows, 1u);
  EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
}

TEST_F(InitTest, NamesTheColumnsOfAFileWithoutAHeader) {
  for (const std::string line : {"2020-01-01 10:00:00,u1,3", "u1,1600000000,3"}) {
    const auto result = InitConfig({.input = Write("bare.csv", line + "\n" + line + "x\n")}, {});
    ASSERT_TRUE(result.ok()) << result.status();
    const Json entry = Json::parse(result->config.json)[0];
    EXPECT_EQ(entry.at("columns"), (Json{"column_1", "column_2", "column_3"}));
    EXPECT_EQ(result->rows, 2u);
  }
  const auto years =
      InitConfig({.input = Write("years.csv", "ts,2019,2020\n2020-01-01,1,2\n")}, {});
  ASSERT_TRUE(years.ok()) << years.status();
  EXPECT_FALSE(Json::parse(years->config.json)[0].contains("columns"));
}

TEST_F(InitTest, AFileWithoutRowsIsAnError) {
  EXPECT_EQ(InitConfig({.input = Write("empty.csv", "ts,x\n")}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(InitConfig({.input = folder_ + "/none.csv"}, {}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(InitTest, UsesTheRowsBeforeTheDamage) {
  GzipEncoder encoder;
  ByteBuffer packed;
  encoder.Encode("ts,x\n2020-01-01,1\n2020-01-02,2\n", &packed);
  const auto result = InitConfig({.input = Write("d.csv.gz", StrCat(packed.view(), "\n"))}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rows, 2u);
  EXPECT_EQ(result->rejected, 0u) << result->first_rejection;
  EXPECT_FALSE(result->whole);
  EXPECT_THAT(result->damage, HasSubstr("garbage after the end"));
  const auto nothing = InitConfig({.input = Write("n.csv.gz", "\x1f\x8b\x08 no gzip")}, {});
  EXPECT_EQ(nothing.status().code(), absl::StatusCode::kInvalidArgument) << nothing.status();
}

TEST_F(InitTest, SaysOnceWhichFileAndWhyItCannotBeRead) {
  const std::string path = Write("bad.csv", "ts,x\n2020-01-01\n1,2,3\n");
  const auto result = InitConfig({.input = path}, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(result.status().message());
  EXPECT_THAT(message, HasSubstr("no row can be read (of 2 rows); the first: expected 2 cells"));
  EXPECT_EQ(message.find("bad.csv"), message.rfind("bad.csv")) << message;
}

}  // namespace
}  // namespace millrace
