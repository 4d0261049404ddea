#include "init/infer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "mapping/sources_config.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr uint64_t kRows = 1'000;
constexpr int64_t kMillis = 1'442'019'723'000;

ColumnProfile Texts(std::string name, uint64_t distinct) {
  ColumnProfile column{.name = std::move(name), .texts = kRows, .distinct = distinct};
  column.examples = {"one", "two"};
  return column;
}

ColumnProfile Times(ColumnProfile column) {
  column.times = column.values();
  column.first_millis = kMillis;
  column.last_millis = kMillis + 1000;
  return column;
}

ColumnProfile Timestamps(std::string name) {
  return Times({.name = std::move(name), .timestamps = kRows, .distinct = kRows});
}

ColumnProfile Dates(std::string name) {
  ColumnProfile column = Times(Texts(std::move(name), 30));
  column.dates = column.without_zone = kRows;
  return column;
}

ColumnProfile Integers(std::string name, int64_t first_as_millis) {
  ColumnProfile column = Times({.name = std::move(name), .integers = kRows, .distinct = kRows});
  column.numbers = kRows;
  column.first_millis = first_as_millis;
  return column;
}

ColumnProfile Ids(std::string name) {
  ColumnProfile column = Texts(std::move(name), kRows);
  column.valid_ids = kRows;
  return column;
}

FileProfile File(std::vector<ColumnProfile> columns) {
  return {.uri = "/data/clicks/clicks_2024-01-01.csv.gz",
          .type = FileType::kCsv,
          .rows = kRows,
          .columns = std::move(columns)};
}

Json EntryOf(const InferredConfig& config) { return Json::parse(config.json).at(0); }

// The source of the mapping to `target`, or "".
std::string SourceOf(const Json& entry, const std::string& target) {
  for (const Json& mapping : entry.at("field_mappings")) {
    if (mapping.at("mixpanel_field") == target) return mapping.at("source_field");
  }
  return "";
}

std::string WhyOf(const InferredConfig& config, const std::string& about) {
  for (const Explanation& explanation : config.explanations) {
    if (explanation.about == about) return explanation.why;
  }
  return "";
}

TEST(InferConfigTest, RecognizesCommonColumnNames) {
  const Json entry = EntryOf(
      InferConfig(File({Texts("event_name", 5), Timestamps("business_ts"), Texts("user_id", 300),
                        Texts("did", 400), Ids("insert_id"), Texts("page", 700)})));
  EXPECT_EQ(entry.at("config_id"), "clicks");
  EXPECT_EQ(entry.at("file_type"), "CSV");
  EXPECT_EQ(entry.at("source_gcs_prefix"), "/data/clicks/");
  EXPECT_EQ(entry.at("mixpanel_event_name_from_field"), "event_name");
  EXPECT_FALSE(entry.contains("mixpanel_event_name"));
  EXPECT_EQ(SourceOf(entry, "time"), "business_ts");
  EXPECT_EQ(SourceOf(entry, "$user_id"), "user_id");
  EXPECT_EQ(SourceOf(entry, "$device_id"), "did");
  EXPECT_EQ(SourceOf(entry, "$insert_id"), "insert_id");
  EXPECT_EQ(SourceOf(entry, "*"), "*");
}

TEST(InferConfigTest, NamesEventsAfterTheFileIfNoColumnDoes) {
  const InferredConfig config = InferConfig(File({Timestamps("ts"), Texts("name", 900)}));
  EXPECT_EQ(EntryOf(config).at("mixpanel_event_name"), "clicks");
  EXPECT_THAT(WhyOf(config, "event name"), HasSubstr("too many"));
}

TEST(InferConfigTest, AnEventNameThatIsSometimesEmptyIsNotTaken) {
  ColumnProfile event = Texts("event", 5);
  event.texts -= 1;
  event.nulls = 1;
  const InferredConfig config = InferConfig(File({event, Timestamps("ts")}));
  EXPECT_EQ(EntryOf(config).at("mixpanel_event_name"), "clicks");
  EXPECT_THAT(WhyOf(config, "event name"), HasSubstr("is empty in 1 of 1,000 rows"));
}

TEST(InferConfigTest, PrefersTimestampsToTextsAndTextsToDates) {
  EXPECT_EQ(SourceOf(EntryOf(InferConfig(File({Times(Texts("created_at", kRows)), Dates("date"),
                                               Timestamps("started_at")}))),
                     "time"),
            "started_at");
  EXPECT_EQ(SourceOf(EntryOf(InferConfig(File({Dates("date"), Times(Texts("created_at", kRows))}))),
                     "time"),
            "created_at");
  EXPECT_EQ(SourceOf(EntryOf(InferConfig(File({Dates("FlightDate")}))), "time"), "FlightDate");
}

TEST(InferConfigTest, NumbersAreTimesOnlyByNameAndRange) {
  const auto time_of = [](ColumnProfile column) {
    return SourceOf(EntryOf(InferConfig(File({std::move(column)}))), "time");
  };
  EXPECT_EQ(time_of(Integers("event_time", kMillis)), "event_time");
  EXPECT_EQ(time_of(Integers("size_bytes", kMillis)), "");
  EXPECT_EQ(time_of(Integers("elapsed_time", 100'000'000'000)), "");  // 1973
}

ColumnProfile CompactTimes(std::string name, CompactTime form) {
  ColumnProfile column = Integers(std::move(name), 200'000'000'000);
  column.compact_times = kRows;
  column.compact_form = form;
  column.first_compact_millis = column.last_compact_millis = 1'713'928'380'000;
  return column;
}

TEST(InferConfigTest, DigitsThatAreDatesAreTimesOfThatForm) {
  const InferredConfig config =
      InferConfig(File({CompactTimes("when", CompactTime::kMinute), Ids("user_id")}));
  const Json entry = EntryOf(config);
  const Json& time = entry.at("field_mappings").at(0);
  EXPECT_EQ(time.at("mixpanel_field"), "time");
  EXPECT_EQ(time.at("time_format"), "YYYYMMDDHHMM");
  const auto why = std::find_if(config.explanations.begin(), config.explanations.end(),
                                [](const Explanation& one) { return one.about == "time"; });
  ASSERT_NE(why, config.explanations.end());
  EXPECT_THAT(why->why, HasSubstr("written as YYYYMMDDHHMM (2024-04-24 to"));
  // A real timestamp is the better time, and a date without a clock the last choice.
  const auto chosen = [](std::vector<ColumnProfile> columns) {
    return SourceOf(EntryOf(InferConfig(File(std::move(columns)))), "time");
  };
  EXPECT_EQ(chosen({CompactTimes("a", CompactTime::kMinute), Timestamps("b")}), "b");
  EXPECT_EQ(
      chosen({CompactTimes("a", CompactTime::kDate), CompactTimes("b", CompactTime::kSecond)}),
      "b");
  EXPECT_EQ(chosen({CompactTimes("a", CompactTime::kDate)}), "a");
}

TEST(InferConfigTest, SaysWhyThereIsNoTime) {
  const InferredConfig config = InferConfig(File({Texts("DepTime", 500)}));
  EXPECT_THAT(WhyOf(config, "time"), HasSubstr("\"DepTime\" is named like one"));
  EXPECT_THAT(WhyOf(config, "time"), HasSubstr("every row is rejected"));
}

TEST(InferConfigTest, ExplainsADateWithASeparateTimeOfDayAndKeepsBoth) {
  ColumnProfile clock = Texts("time", 900);
  clock.clock_texts = kRows;
  const InferredConfig config = InferConfig(File({Dates("date"), clock}));
  const Json entry = EntryOf(config);
  EXPECT_EQ(SourceOf(entry, "time"), "date");
  EXPECT_EQ(SourceOf(entry, "time_of_day"), "time");
  EXPECT_THAT(WhyOf(config, "time of day"), HasSubstr("\"transform\""));
}

TEST(InferConfigTest, ReportsNaiveTimesAndOtherCandidates) {
  ColumnProfile start = Times(Texts("start_time", kRows));
  start.without_zone = kRows;
  const InferredConfig config = InferConfig(File({start, Times(Texts("end_time", kRows))}));
  EXPECT_EQ(SourceOf(EntryOf(config), "time"), "start_time");
  EXPECT_THAT(WhyOf(config, "time"), HasSubstr("taken as UTC"));
  EXPECT_THAT(WhyOf(config, "time"), HasSubstr("also possible: end_time"));
}

TEST(InferConfigTest, IdsThatRepeatAreNotInsertIds) {
  const InferredConfig config = InferConfig(File({Timestamps("ts"), Texts("id", 500)}));
  EXPECT_EQ(SourceOf(EntryOf(config), "$insert_id"), "");
  EXPECT_THAT(WhyOf(config, "$insert_id"), HasSubstr("500 different values in 1,000 rows"));
}

TEST(InferConfigTest, IdsThatMixpanelDoesNotAcceptAreHashed) {
  const InferredConfig config = InferConfig(File({Timestamps("ts"), Texts("event_id", kRows)}));
  EXPECT_EQ(SourceOf(EntryOf(config), "$insert_id"), "event_id");
  EXPECT_THAT(WhyOf(config, "$insert_id"), HasSubstr("hashed"));
}

TEST(InferConfigTest, AdvisesPositionIfRowsAreIdentical) {
  FileProfile profile = File({Timestamps("ts")});
  profile.identical_rows = 3;
  EXPECT_THAT(WhyOf(InferConfig(profile), "$insert_id"), HasSubstr("\"insert_id\": \"position\""));
}

TEST(InferConfigTest, NamesCandidatesIfNoColumnIsTheUser) {
  const InferredConfig config = InferConfig(File({Timestamps("ts"), Texts("ip_id", 200)}));
  EXPECT_THAT(WhyOf(config, "$user_id"), HasSubstr("ip_id (200 different values)"));
}

TEST(InferConfigTest, IdsThatMixpanelRejectsAreNotUsed) {
  ColumnProfile user = Texts("user_id", 300);
  user.banned_ids = 4;
  const InferredConfig config = InferConfig(File({Timestamps("ts"), user}));
  EXPECT_EQ(SourceOf(EntryOf(config), "$user_id"), "");
  EXPECT_THAT(WhyOf(config, "$user_id"), HasSubstr("4 rows have a value that Mixpanel rejects"));
}

TEST(InferConfigTest, AColumnNamedLikeATargetKeepsItsValues) {
  ColumnProfile time = Texts("time", 10);  // no times
  const Json entry = EntryOf(InferConfig(File({Timestamps("created_at"), time})));
  EXPECT_EQ(SourceOf(entry, "time"), "created_at");
  EXPECT_EQ(SourceOf(entry, "source_time"), "time");
}

// Each of these columns once led to a config that could not be loaded.
TEST(InferConfigTest, TheConfigLoadsWhateverTheColumnsAreCalled) {
  ColumnProfile clock = Texts("time", 500);
  clock.clock_texts = kRows;
  ColumnProfile star = Texts("*", 100), nameless = Texts("", 100), plain = Texts("n", 100);
  star.number_texts = nameless.number_texts = plain.number_texts = kRows;
  const FileProfile profile =
      File({Timestamps("business_ts"), Texts("time", 500), Texts("source_time", 100),
            Texts("source_time_2", 100), Texts("time_of_day", 100), star, nameless, plain});
  const InferredConfig inferred = InferConfig(profile);
  const auto loaded = SourcesConfig::Parse(inferred.json, "sources.json");
  ASSERT_TRUE(loaded.ok()) << loaded.status() << inferred.json;
  EXPECT_THAT(inferred.json, HasSubstr(R"("mixpanel_field": "source_time_3")"));
  const FileProfile with_clock = File({Dates("day"), clock, Texts("time_of_day", 100)});
  EXPECT_THAT(InferConfig(with_clock).json, HasSubstr(R"("mixpanel_field": "time_of_day_2")"));
}

TEST(InferConfigTest, NumbersAndTruthValuesOfCsvGetTypes) {
  ColumnProfile size = Texts("size", 900);
  size.number_texts = kRows;
  ColumnProfile id = Texts("ip_id", 900);
  id.number_texts = kRows;
  ColumnProfile mixed = Texts("mixed", 900);
  mixed.number_texts = kRows - 1;
  ColumnProfile truth = Texts("is_new", 2);
  truth.truth_texts = kRows;
  FileProfile profile = File({Timestamps("ts"), size, id, mixed, truth});
  profile.type = FileType::kCsv;
  const auto type_of = [&](const std::string& column) -> std::string {
    const Json entry = EntryOf(InferConfig(profile));
    for (const Json& mapping : entry.at("field_mappings")) {
      if (mapping.at("source_field") == column) return mapping.value("type", "");
    }
    return "not mapped";
  };
  EXPECT_EQ(type_of("size"), "float");
  EXPECT_EQ(type_of("is_new"), "boolean");
  EXPECT_EQ(type_of("ip_id"), "not mapped");
  EXPECT_EQ(type_of("mixed"), "not mapped");
  profile.type = FileType::kNdjson;
  EXPECT_EQ(type_of("size"), "not mapped");
}

TEST(InferConfigTest, MixpanelsFormatNeedsNoConfig) {
  FileProfile profile = File({Texts("event", 5)});
  profile.mixpanel_rows = kRows;
  const InferredConfig config = InferConfig(profile);
  EXPECT_TRUE(config.mixpanel_format);
  EXPECT_THAT(config.json, IsEmpty());
  EXPECT_THAT(WhyOf(config, "format"), HasSubstr("no config is needed"));
}

}  // namespace
}  // namespace millrace
