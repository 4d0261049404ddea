#include "mapping/sources_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/strings.h"
#include "mapping/fingerprint.h"

namespace millrace {
namespace {

using testing::Optional;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::StartsWith;

constexpr char kPath[] = "/configs/sources.json";

SourcesConfig Parsed(std::string_view json) {
  absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(json, kPath);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : SourcesConfig::MixpanelFormat();
}

SourceConfig Entry(std::string_view json) { return *Parsed(json).entries().front(); }

std::string Problems(std::string_view json) {
  const absl::Status status = SourcesConfig::Parse(json, kPath).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(ToStd(status.message()));
}

// An entry with `more` members (which end with a comma) beside those that every entry needs.
std::string With(std::string_view more) {
  return StrCat(R"([{"config_id": "a", "source_prefix": "gs://b/", )", more,
                R"("field_mappings": [{"source_field": "t", "mixpanel_field": "time"}]}])");
}

std::string WithMappings(std::string_view mappings, std::string_view more = "") {
  return StrCat(R"([{"config_id": "a", "source_prefix": "gs://b/", )", more,
                R"("field_mappings": [{"source_field": "t", "mixpanel_field": "time"}, )", mappings,
                "]}]");
}

// The example of the importer that Millrace replaces.
TEST(SourcesConfig, ReadsTheKnownFormat) {
  const SourceConfig entry = Entry(R"([
  {
    "config_id": "hof_event_game_spin",
    "source_gcs_prefix": "gs://dev/house_of_fun/event_game_spin/",
    "file_type": "PARQUET",
    "mixpanel_event_name_from_field": "event_name",
    "field_mappings": [
      { "source_field": "bussiness_ts", "mixpanel_field": "time", "type": "unix_timestamp_auto" },
      { "source_field": "user_id", "mixpanel_field": "$user_id", "type": "string",
        "is_required_in_source": true },
      { "source_field": "did", "mixpanel_field": "$device_id", "type": "string" },
      { "source_field": "insert_id", "mixpanel_field": "$insert_id", "type": "string_or_uuid" },
      { "source_field": "score", "mixpanel_field": "score", "include_if_none": true },
      { "source_field": "*", "mixpanel_field": "*" }
    ]
  }
])");
  EXPECT_EQ(entry.config_id, "hof_event_game_spin");
  EXPECT_EQ(entry.source_prefix, "gs://dev/house_of_fun/event_game_spin/");
  EXPECT_EQ(entry.file_type, FileType::kParquet);
  EXPECT_EQ(entry.event_name, "");
  EXPECT_EQ(entry.event_name_from_field, "event_name");
  ASSERT_EQ(entry.mappings.size(), 5U);
  EXPECT_EQ(entry.mappings[0].type, FieldType::kUnixTimestampAuto);
  EXPECT_EQ(entry.mappings[1].mixpanel_field, "$user_id");
  EXPECT_EQ(entry.mappings[1].type, FieldType::kString);
  EXPECT_TRUE(entry.mappings[1].required);
  EXPECT_FALSE(entry.mappings[1].include_if_none);
  EXPECT_EQ(entry.mappings[3].type, FieldType::kStringOrUuid);
  EXPECT_EQ(entry.mappings[4].type, FieldType::kNone);
  EXPECT_TRUE(entry.mappings[4].include_if_none);
  EXPECT_TRUE(entry.pass_through);
  EXPECT_FALSE(entry.mixpanel_format);
  EXPECT_EQ(entry.insert_id, InsertIdRule::kContent);
}

TEST(SourcesConfig, TakesComments) {
  EXPECT_EQ(Entry(StrCat("// what\n", With("/* why */"))).config_id, "a");
}

TEST(SourcesConfig, NamesEventsGenericWithoutAName) {
  EXPECT_EQ(Entry(With("")).event_name, "generic_event");
  EXPECT_EQ(Entry(With(R"("mixpanel_event_name": "spin",)")).event_name, "spin");
  EXPECT_EQ(Entry(With(R"("mixpanel_event_name_from_field": "n",)")).event_name, "");
}

TEST(SourcesConfig, TakesAnEntryWithoutMappingsAsMixpanelsFormat) {
  const SourceConfig entry = Entry(R"([{"config_id": "a", "source_prefix": "gs://b/"}])");
  EXPECT_TRUE(entry.mixpanel_format);
  EXPECT_EQ(entry.event_name, "");
  EXPECT_THAT(Problems(R"([{"config_id": "a", "source_prefix": "x", "mixpanel_event_name": "e"}])"),
              HasSubstr("mixpanel_event_name: needs field_mappings"));
}

TEST(SourcesConfig, ReadsTheOtherKeys) {
  const SourceConfig entry = Entry(With(R"("insert_id": ["order", "line"],
      "time_zone": "Europe/Berlin", "null_values": ["NA", "-"],)"));
  EXPECT_EQ(entry.insert_id, InsertIdRule::kColumns);
  EXPECT_THAT(entry.insert_id_columns, ElementsAre("order", "line"));
  EXPECT_EQ(entry.time_zone.name(), "Europe/Berlin");
  EXPECT_THAT(entry.null_texts, Optional(ElementsAre("NA", "-")));
  EXPECT_EQ(Entry(With(R"("insert_id": "position",)")).insert_id, InsertIdRule::kPosition);
}

TEST(SourcesConfig, ReadsProfiles) {
  const SourceConfig user = Entry(R"([{"config_id": "a", "source_prefix": "", "record_type": "user",
      "operation": "$add",
      "field_mappings": [{"source_field": "u", "mixpanel_field": "$distinct_id"}]}])");
  EXPECT_EQ(user.record_type, RecordType::kUser);
  EXPECT_EQ(user.operation, "$add");
  const SourceConfig group = Entry(R"([{"config_id": "a", "source_prefix": "",
      "record_type": "group", "group_key": "company",
      "field_mappings": [{"source_field": "u", "mixpanel_field": "$group_id"}]}])");
  EXPECT_EQ(group.record_type, RecordType::kGroup);
  EXPECT_EQ(group.group_key, "company");
  EXPECT_EQ(group.operation, "$set");
}

TEST(SourcesConfig, SaysWhereTheJsonIsBroken) {
  EXPECT_THAT(Problems("[\n  {\"config_id\": }\n]"),
              AllOf(StartsWith("/configs/sources.json: is not JSON: "), HasSubstr("line 2")));
  EXPECT_THAT(Problems("{}"), HasSubstr("must be a list of entries"));
  EXPECT_THAT(Problems("[]"), HasSubstr("has no entries"));
  EXPECT_THAT(Problems("[1]"), HasSubstr("entry #1: is a number; write an object"));
  EXPECT_THAT(Problems(R"([{"config_id": "a", "config_id": "b"}])"),
              HasSubstr("has the key \"config_id\" twice in one object"));
  EXPECT_THAT(Problems(std::string(100000, '[')), HasSubstr("JSON"));
  EXPECT_THAT(Problems(StrCat(std::string(30, '['), std::string(30, ']'))),
              HasSubstr("nested deeper than 16 levels"));
  EXPECT_THAT(Problems(std::string(5 << 20, ' ')), HasSubstr("larger than 4 MB"));
}

TEST(SourcesConfig, ReportsAllProblemsAtOnce) {
  EXPECT_EQ(Problems(R"([
  {"config_id": "a", "source_gcs_prefx": "gs://b/", "file_type": "PARKET",
   "field_mappings": [{"source_field": "t", "mixpanel_field": "time", "type": "timestamp"},
                      {"source_field": "x", "mixpanel_field": "x", "is_required_in_source": "yes"}]},
  {"source_prefix": 7, "field_mappings": []}
])"),
            R"(/configs/sources.json: 9 problems:
  entry "a": source_gcs_prefix: is missing; write what the URIs begin with, such as "gs://bucket/path/"
  entry "a": file_type: )" +
                std::string(ToStd(ParseFileType("PARKET").status().message())) + R"(
  entry "a": field_mappings #1: type: "timestamp" is not known; write one of string, integer, float, boolean, unix_timestamp_auto, string_or_uuid, json
  entry "a": field_mappings #2: is_required_in_source: is a string; write true or false (without quotes)
  entry "a": unknown key "source_gcs_prefx"; did you mean "source_gcs_prefix"?
  entry #2: config_id: is missing; write a unique name
  entry #2: source_prefix: is a number; write a string in quotes
  entry #2: field_mappings: is empty; write at least { "source_field": "*", "mixpanel_field": "*" }, or leave the key out for files in Mixpanel's own format
  entry #2: field_mappings: nothing is mapped to "time", which every event needs; map a column to it)");
}

TEST(SourcesConfig, RejectsInvalidValues) {
  const std::string entry = "/configs/sources.json: entry \"a\": ";
  EXPECT_EQ(Problems(With(R"("source_gcs_prefix": "gs://c/",)")),
            entry + "source_prefix: means the same as source_gcs_prefix; remove one of them");
  EXPECT_EQ(Problems(With(R"("group_key": "k",)")),
            entry + "group_key: is for record_type \"group\"; remove it");
  EXPECT_EQ(Problems(With(R"("operation": "$set",)")),
            entry + "operation: is for record_type \"user\" and \"group\"; remove it");
  EXPECT_EQ(Problems(With(R"("insert_id": "contents",)")),
            entry + "insert_id: \"contents\" is not known; did you mean \"content\"?");
  EXPECT_EQ(Problems(With(R"("insert_id": [],)")),
            entry + "insert_id: is an empty list; add an item or leave the key out");
  EXPECT_EQ(Problems(With(R"("insert_id": [1],)")),
            entry + "insert_id: has an item that is not a non-empty string in quotes");
  EXPECT_EQ(Problems(With(R"("time_zone": "Berlin",)")),
            entry + "time_zone: \"Berlin\" is not known; write a name such as \"Europe/Berlin\"");
  EXPECT_EQ(Problems(With(R"("mixpanel_event_name": "",)")),
            entry + "mixpanel_event_name: is empty; write a name or leave the key out");
  EXPECT_EQ(Problems(With(R"("record_type": "people",)")),
            entry + "record_type: \"people\" is not known; write one of event, user, group");
}

TEST(SourcesConfig, RefusesMappingsThatContradict) {
  const std::string second = "/configs/sources.json: entry \"a\": field_mappings #2: ";
  EXPECT_EQ(Problems(WithMappings(R"({"source_field": "u", "mixpanel_field": "time"})")),
            second + "a second mapping to \"time\"; a property takes one column; remove the other");
  EXPECT_EQ(Problems(WithMappings(R"({"source_field": "*", "mixpanel_field": "x"})")),
            second + "\"*\" maps to \"*\" only: it passes each column under its own name");
  EXPECT_EQ(Problems(WithMappings(R"({"source_field": "x", "mixpanel_field": "*"})")),
            second + "\"*\" maps to \"*\" only: it passes each column under its own name");
  EXPECT_EQ(
      Problems(WithMappings(R"({"source_field": "*", "mixpanel_field": "*", "type": "string"})")),
      second + "\"*\" takes no type and no flags; map that column on its own");
  EXPECT_EQ(Problems(WithMappings(R"({"source_field": "x"})")),
            second + "mixpanel_field: is missing");
  EXPECT_EQ(Problems(WithMappings(R"({"source_field": "", "mixpanel_field": "x"})")),
            second + "source_field: is empty");
  EXPECT_EQ(Problems(WithMappings(R"(["x", "y"])")), second + "is a list; write an object { ... }");
  EXPECT_EQ(
      Problems(WithMappings(R"({"source_field": "x", "mixpanel_field": "x", "typ": "string"})")),
      second + "unknown key \"typ\"; did you mean \"type\"?");
}

TEST(SourcesConfig, RejectsProfilesWithoutRequiredKeys) {
  EXPECT_THAT(Problems(With(R"("record_type": "user",)")),
              HasSubstr("nothing is mapped to \"$distinct_id\""));
  EXPECT_THAT(
      Problems(With(R"("record_type": "group",)")),
      AllOf(HasSubstr("nothing is mapped to \"$group_id\""), HasSubstr("group_key: is missing")));
  EXPECT_THAT(
      Problems(With(R"("record_type": "group", "group_key": "k", "operation": "$append",)")),
      HasSubstr("operation: \"$append\" is not known"));
  EXPECT_THAT(Problems(With(R"("record_type": "user", "insert_id": "position",)")),
              HasSubstr("insert_id: is for events"));
  EXPECT_THAT(Problems(WithMappings(R"({"source_field": "u", "mixpanel_field": "distinct_id"},
                                       {"source_field": "v", "mixpanel_field": "$distinct_id"})",
                                    R"("record_type": "user",)")),
              HasSubstr("a second mapping to \"$distinct_id\""));
}

TEST(SourcesConfig, RefusesEqualIds) {
  EXPECT_EQ(
      Problems(R"([{"config_id": "a", "source_prefix": "x"},
                         {"config_id": "a", "source_prefix": "y"}])"),
      "/configs/sources.json: entry #2: config_id: \"a\" is also used by entry #1; ids must be "
      "unique");
}

TEST(SourcesConfig, ReadsTheTransformFromTheConfigsFolder) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / StrCat("millrace_sources_config.", getpid());
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "sources.json").string();
  const auto parse = [&] { return SourcesConfig::Parse(With(R"("transform": "t.js",)"), path); };

  std::filesystem::remove(folder / "t.js");
  EXPECT_THAT(std::string(ToStd(parse().status().message())),
              AllOf(HasSubstr("entry \"a\": transform: "), HasSubstr("t.js")));

  std::ofstream(folder / "t.js") << "one";
  const absl::StatusOr<SourcesConfig> first = parse();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->entries()[0]->transform, (folder / "t.js").string());
  std::ofstream(folder / "t.js") << "two";
  EXPECT_NE(parse()->entries()[0]->fingerprint, first->entries()[0]->fingerprint);
  std::filesystem::remove_all(folder);
}

TEST(SourcesConfig, FingerprintsMeaningNotLayout) {
  const std::string fingerprint = Entry(With("")).fingerprint;
  EXPECT_EQ(fingerprint.size(), 32U);
  EXPECT_EQ(Entry(StrCat("\n", With("\n\n"))).fingerprint, fingerprint);
  EXPECT_EQ(Entry(With(R"("mixpanel_event_name": "generic_event",)")).fingerprint, fingerprint);
  EXPECT_NE(Entry(With(R"("mixpanel_event_name": "other",)")).fingerprint, fingerprint);
  EXPECT_NE(Entry(With(R"("insert_id": "position",)")).fingerprint, fingerprint);
  EXPECT_NE(Entry(With(R"("time_zone": "Europe/Berlin",)")).fingerprint, fingerprint);
}

TEST(SourcesConfig, ChangedPartsAreNamedAsTheyAreWritten) {
  const std::string parts = Entry(With("")).fingerprint_parts;
  EXPECT_FALSE(parts.empty());
  EXPECT_EQ(Entry(StrCat("\n", With("\n\n"))).fingerprint_parts, parts);
  const auto changed = [&](const std::string& with) {
    return ChangedParts(parts, Entry(With(with)).fingerprint_parts);
  };
  EXPECT_THAT(changed(""), IsEmpty());
  EXPECT_THAT(changed(R"("mixpanel_event_name": "other",)"), ElementsAre("mixpanel_event_name"));
  EXPECT_THAT(changed(R"("insert_id": "position", "time_zone": "Europe/Berlin",)"),
              ElementsAre("insert_id", "time_zone"));
  EXPECT_THAT(changed(R"("quote": "", "columns": ["a"],)"), ElementsAre("columns", "quote"));
  EXPECT_THAT(ChangedParts("time_zone:12345678 a:1", "a:2"), ElementsAre("a", "time_zone"));
  EXPECT_THAT(ChangedParts("", parts), IsEmpty()) << "it is not known";
}

// Ledgers hold fingerprints: these must stay what they are.
TEST(SourcesConfig, FingerprintsStayTheSame) {
  EXPECT_EQ(SourcesConfig::MixpanelFormat().entries()[0]->fingerprint,
            "3d2a65e0382a5386a82ec81e228323ec");
  EXPECT_EQ(Entry(R"([{"config_id": "a", "source_prefix": "", "mixpanel_event_name": "e",
      "null_values": ["-"], "time_zone": "Europe/Berlin", "field_mappings": [
      {"source_field": "t", "mixpanel_field": "time", "type": "unix_timestamp_auto"},
      {"source_field": "u", "mixpanel_field": "$user_id", "type": "string_or_uuid",
       "is_required_in_source": true}, {"source_field": "*", "mixpanel_field": "*"}]}])")
                .fingerprint,
            "0e28207524129a106102b30cfde6d2e3");
}

TEST(SourcesConfig, AnEmptyListOfNullTextsIsNotTheDefault) {
  const SourceConfig none = Entry(With(R"("null_values": [],)"));
  EXPECT_THAT(none.null_texts, Optional(ElementsAre()));
  EXPECT_EQ(Entry(With("")).null_texts, std::nullopt);
  EXPECT_NE(none.fingerprint, Entry(With("")).fingerprint);
}

TEST(SourcesConfig, ReadsTimeFormats) {
  const SourceConfig entry = Entry(WithMappings(
      R"({"source_field": "d", "mixpanel_field": "day", "type": "unix_timestamp_auto",
          "time_format": "YYYYMMDD"})"));
  EXPECT_EQ(entry.mappings[1].time_format, CompactTime::kDate);
  EXPECT_EQ(entry.mappings[0].time_format, CompactTime::kNone);
  EXPECT_NE(
      entry.fingerprint,
      Entry(WithMappings(
                R"({"source_field": "d", "mixpanel_field": "day", "type": "unix_timestamp_auto"})"))
          .fingerprint);
  EXPECT_THAT(Problems(WithMappings(
                  R"({"source_field": "d", "mixpanel_field": "day", "time_format": "YYYYMMDD"})")),
              HasSubstr("field_mappings #2: time_format: is for times"));
  EXPECT_THAT(
      Problems(WithMappings(
          R"({"source_field": "d", "mixpanel_field": "$time", "time_format": "YYYYMMDDHH"})")),
      HasSubstr("\"YYYYMMDDHH\" is not known; did you mean \"YYYYMMDD\"?"));
  EXPECT_THAT(Problems(WithMappings(
                  R"({"source_field": "d", "mixpanel_field": "d", "timeformat": "YYYYMMDD"})")),
              HasSubstr("unknown key \"timeformat\"; did you mean \"time_format\"?"));
}

TEST(SourcesConfig, ReadsHowCellsAreSeparated) {
  const SourceConfig entry =
      Entry(With(R"("quote": "'", "columns": ["time", "u", "x y"], "null_values": [],)"));
  EXPECT_THAT(entry.quote, Optional('\''));
  EXPECT_THAT(entry.columns, ElementsAre("time", "u", "x y"));
  EXPECT_THAT(entry.null_texts, Optional(testing::IsEmpty()));
  EXPECT_THAT(Entry(With(R"("quote": "",)")).quote, Optional('\0'));
  EXPECT_EQ(Entry(With("")).quote, std::nullopt);
  EXPECT_EQ(Entry(With("")).null_texts, std::nullopt);
}

TEST(SourcesConfig, SaysWhatIsWrongWithCellRules) {
  EXPECT_THAT(Problems(With(R"("quote": "''",)")),
              HasSubstr("quote: \"''\" is not a valid quote; write one"));
  EXPECT_THAT(Problems(With(R"("quote": ",",)")), HasSubstr("is not a valid quote"));
  EXPECT_THAT(Problems(With(R"("quote": "a",)")), HasSubstr("is not a valid quote"));
  EXPECT_THAT(Problems(With(R"("columns": [],)")), HasSubstr("columns: is an empty list"));
  EXPECT_THAT(Problems(With(R"("columns": ["a", "b", "a"],)")), HasSubstr("names \"a\" twice"));
  EXPECT_THAT(Problems(With(R"("columns": ["a", ""],)")),
              HasSubstr("columns: has an item that is not"));
  EXPECT_THAT(Problems(With(R"("file_type": "NDJSON", "quote": "'",)")),
              HasSubstr("quote: is for CSV and TSV, and file_type is NDJSON"));
  EXPECT_THAT(Problems(With(R"("file_type": "PARQUET", "columns": ["a"],)")),
              HasSubstr("columns: is for CSV and TSV"));
  EXPECT_THAT(Problems(With(R"("colums": ["a"],)")), HasSubstr("columns"));
  EXPECT_THAT(Problems(With(R"("qoute": "'",)")), HasSubstr("quote"));
}

TEST(SourcesConfig, CellRulesArePartOfTheFingerprint) {
  const std::string fingerprint = Entry(With("")).fingerprint;
  const std::string none = Entry(With(R"("null_values": [],)")).fingerprint;
  const std::string unquoted = Entry(With(R"("quote": "",)")).fingerprint;
  const std::string quoted = Entry(With(R"("quote": "'",)")).fingerprint;
  const std::string bare = Entry(With(R"("columns": ["a"],)")).fingerprint;
  EXPECT_EQ((std::set<std::string>{fingerprint, none, unquoted, quoted, bare}.size()), 5U);
}

class MatchTest : public testing::Test {
 protected:
  std::string Match(const SourcesConfig& config, std::string_view uri) {
    const std::shared_ptr<const SourceConfig> entry = config.Match(uri);
    return entry == nullptr ? "" : entry->config_id;
  }
};

TEST_F(MatchTest, TakesTheLongestPrefix) {
  const SourcesConfig config = Parsed(R"([
    {"config_id": "short", "source_prefix": "gs://b/"},
    {"config_id": "long", "source_prefix": "gs://b/events/"},
    {"config_id": "same", "source_prefix": "gs://b/events/"}])");
  EXPECT_EQ(Match(config, "gs://b/events/x.parquet"), "long");
  EXPECT_EQ(Match(config, "gs://b/other/x.parquet"), "short");
  EXPECT_EQ(Match(config, "s3://b/events/x.parquet"), "");
  EXPECT_EQ(Match(config, "/b/events/x.parquet"), "");
}

TEST_F(MatchTest, FitsTablesByTheirLocation) {
  const auto config = SourcesConfig::Parse(
      R"([{"config_id": "cloud", "source_gcs_prefix": "gs://b/db/t/", "mixpanel_event_name": "e",
           "field_mappings": [{"source_field": "*", "mixpanel_field": "*"}]},
          {"config_id": "local", "source_gcs_prefix": "iceberg:/w/t", "mixpanel_event_name": "e",
           "field_mappings": [{"source_field": "*", "mixpanel_field": "*"}]}])",
      "/sources.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(Match(*config, "iceberg:gs://b/db/t/"), "cloud");
  EXPECT_EQ(Match(*config, "iceberg:gs://b/db/t/#data/a.parquet"), "cloud");
  EXPECT_EQ(Match(*config, "iceberg:gs://b/db/t2/#data/a.parquet"), "");
  EXPECT_EQ(Match(*config, "iceberg:/w/t/#gs://elsewhere/a.parquet"), "local");
  EXPECT_EQ(Match(*config, "iceberg:file:///w/t/"), "local");
}

TEST_F(MatchTest, FitsLocalPaths) {
  const SourcesConfig config = Parsed(R"([
    {"config_id": "absolute", "source_prefix": "/data/a/"},
    {"config_id": "file", "source_prefix": "file:///data/b/"},
    {"config_id": "relative", "source_prefix": "./in/c/"}])");
  EXPECT_EQ(Match(config, "/data/a/x.csv"), "absolute");
  EXPECT_EQ(Match(config, "file:///data/a/x.csv"), "absolute");
  EXPECT_EQ(Match(config, "/data/b/x.csv"), "file");
  EXPECT_EQ(Match(config, "/data/b/../a/x.csv"), "absolute");
  EXPECT_EQ(Match(config, "/configs/in/c/x.csv"), "relative") << "relative to the config";
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(Match(config, here + "/in/c/x.csv"), "relative") << "relative to the working directory";
  EXPECT_EQ(Match(config, "in/c/x.csv"), "relative");
  EXPECT_EQ(Match(config, "/elsewhere/in/c/x.csv"), "");
}

// Listings name objects by the folders that links lead to.
class LinkedMatchTest : public MatchTest {
 protected:
  LinkedMatchTest() {
    std::filesystem::create_directories(folder_ + "/real/in/deep");
    std::filesystem::create_directories(folder_ + "/elsewhere");
    std::filesystem::create_directory_symlink(folder_ + "/real", folder_ + "/link");
    std::filesystem::create_directory_symlink(folder_ + "/elsewhere", folder_ + "/real/in/out");
  }
  ~LinkedMatchTest() override { std::filesystem::remove_all(folder_); }

  // Whether the prefix `prefix`, below the folder, fits the object.
  bool Fits(const std::string& prefix, const std::string& object) {
    const std::string config =
        StrCat(R"([{"config_id": "a", "source_prefix": ")", folder_, prefix, R"("}])");
    return Match(Parsed(config), folder_ + object) == "a";
  }

  const std::string folder_ =
      StrCat(std::filesystem::canonical(testing::TempDir()).string(), "/links.", getpid());
};

TEST_F(LinkedMatchTest, APrefixMayLeadThroughALink) {
  EXPECT_TRUE(Fits("/link/in/", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link/in", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link/in//", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link/in/ev", "/real/in/events.csv")) << "the begin of a name";
  EXPECT_TRUE(Fits("/link/in/new/", "/real/in/new/x.csv")) << "what is not there yet";
  EXPECT_TRUE(Fits("/link/in/x.csv", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link", "/real/in/x.csv")) << "the link itself";
  EXPECT_TRUE(Fits("/link/", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link/in/deep/../", "/real/in/x.csv"));
  EXPECT_TRUE(Fits("/link/in/out/../", "/x.csv")) << "'..' is of where the link leads";
  EXPECT_FALSE(Fits("/link/other/", "/real/in/x.csv"));
  EXPECT_FALSE(Fits("/link", "/real2/x.csv")) << "no other folder's name begins with a link's";
}

TEST_F(LinkedMatchTest, AnObjectMayBeNamedThroughALink) {
  EXPECT_TRUE(Fits("/real/in/", "/link/in/x.csv"));
  EXPECT_TRUE(Fits("/elsewhere/", "/real/in/out/x.csv"));
  EXPECT_TRUE(Fits("/elsewhere/", "/link/in/out/x.csv"));
  EXPECT_TRUE(Fits("/real/in/out/", "/real/in/out/x.csv")) << "both by the same link, as ever";
  EXPECT_TRUE(Fits("/link/in/", "/real/in/out/x.csv"));
}

TEST_F(LinkedMatchTest, ARelativePrefixMayLeadThroughALink) {
  const absl::StatusOr<SourcesConfig> config = SourcesConfig::Parse(
      R"([{"config_id": "a", "source_prefix": "in/"}])", folder_ + "/link/sources.json");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(Match(*config, folder_ + "/real/in/x.csv"), "a");
  EXPECT_EQ(Match(*config, folder_ + "/link/in/x.csv"), "a");
  EXPECT_EQ(Match(*config, folder_ + "/real/x.csv"), "");
}

TEST_F(LinkedMatchTest, TheLongestPrefixWinsWithOrWithoutLinks) {
  const SourcesConfig config = Parsed(
      StrCat(R"([{"config_id": "short", "source_prefix": ")", folder_,
             R"(/real/"}, {"config_id": "long", "source_prefix": ")", folder_, R"(/link/in/"}])"));
  EXPECT_EQ(Match(config, folder_ + "/real/in/x.csv"), "long");
  EXPECT_EQ(Match(config, folder_ + "/real/x.csv"), "short");
}

TEST_F(MatchTest, FitsEverythingWithoutAPrefix) {
  const SourcesConfig config = Parsed(R"([
    {"config_id": "rest", "source_prefix": ""}, {"config_id": "b", "source_prefix": "gs://b/"}])");
  EXPECT_EQ(Match(config, "gs://b/x"), "b");
  EXPECT_EQ(Match(config, "/x"), "rest");
  EXPECT_EQ(Match(SourcesConfig::MixpanelFormat(), "s3://b/x"), "mixpanel_format");
}

TEST(SourcesConfig, LoadsAFile) {
  const std::string path = StrCat(testing::TempDir(), "/millrace_load_sources.", getpid(), ".json");
  std::ofstream(path) << With("");
  ASSERT_TRUE(SourcesConfig::Load(path).ok());
  EXPECT_EQ(SourcesConfig::Load("/nowhere/sources.json").status().code(),
            absl::StatusCode::kNotFound);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace millrace
