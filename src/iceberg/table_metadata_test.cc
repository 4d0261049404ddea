#include "iceberg/table_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "iceberg/metadata_file.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kTable = R"({
  "format-version": 2, "location": "s3://b/t", "last-updated-ms": 3000, "current-schema-id": 1,
  "schemas": [
    {"type": "struct", "schema-id": 0, "fields": [
      {"id": 1, "name": "user", "required": true, "type": "string"}]},
    {"type": "struct", "schema-id": 1, "fields": [
      {"id": 1, "name": "user_id", "required": false, "type": "string"},
      {"id": 2, "name": "trip_start_time", "required": false, "type": "timestamp"},
      {"id": 3, "name": "tags", "required": false, "type": {"type": "list", "element-id": 4,
        "element": "string", "element-required": false}}]}],
  "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": [
    {"source-id": 2, "field-id": 1000, "name": "trip_start_time_hour", "transform": "hour"}]}],
  "properties": {"schema.name-mapping.default": "[{\"field-id\": 1, \"names\": [\"user_id\", \"user\"]}]"},
  "current-snapshot-id": 12,
  "snapshots": [
    {"snapshot-id": 11, "timestamp-ms": 1000, "manifest-list": "s3://b/t/metadata/a.avro", "schema-id": 0},
    {"snapshot-id": 12, "timestamp-ms": 2000, "manifest-list": "s3://b/t/metadata/b.avro", "schema-id": 1}],
  "snapshot-log": [{"timestamp-ms": 1000, "snapshot-id": 11}, {"timestamp-ms": 2000, "snapshot-id": 12}]
})";

std::string With(std::string_view from, std::string_view to) {
  std::string text(kTable);
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(IcebergMetadataTest, ReadsTheMetadataOfATable) {
  const auto metadata = ParseIcebergMetadata(kTable);
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  EXPECT_EQ(metadata->location, "s3://b/t");
  EXPECT_EQ(metadata->schemas[1].Find("trip_start_time")->id, 2);
  EXPECT_EQ(metadata->schemas[1].Find("tags")->type, "list");
  EXPECT_EQ(metadata->schemas[1].Find("user"), nullptr);
  EXPECT_EQ(metadata->partition_specs.at(0)[0].transform, "hour");
  EXPECT_THAT(metadata->name_mapping.at(1), ElementsAre("user_id", "user"));
}

TEST(IcebergMetadataTest, ChoosesSnapshots) {
  const auto metadata = ParseIcebergMetadata(kTable);
  ASSERT_TRUE(metadata.ok()) << metadata.status();
  const auto chosen = [&](const SnapshotChoice& choice) {
    const auto snapshot = ChooseSnapshot(*metadata, choice);
    return snapshot.ok() ? (*snapshot)->id : 0;
  };
  EXPECT_EQ(chosen({}), 12);
  EXPECT_EQ(chosen({.snapshot_id = 11}), 11);
  EXPECT_EQ(chosen({.as_of = absl::FromUnixMillis(1000)}), 11);
  EXPECT_EQ(chosen({.as_of = absl::FromUnixMillis(1999)}), 11);
  EXPECT_EQ(chosen({.as_of = absl::FromUnixMillis(99999)}), 12);
  const auto early = ChooseSnapshot(*metadata, {.as_of = absl::FromUnixMillis(999)});
  EXPECT_EQ(early.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(early.status().message(), HasSubstr("11 of 1970-01-01T00:00:01"));
  EXPECT_EQ(ChooseSnapshot(*metadata, {.snapshot_id = 5}).status().code(),
            absl::StatusCode::kNotFound);
  // Names as they were then.
  const SnapshotChoice first = {.snapshot_id = 11};
  EXPECT_EQ((*SchemaOf(*metadata, *ChooseSnapshot(*metadata, first), first))->id, 0);
  EXPECT_EQ((*SchemaOf(*metadata, *ChooseSnapshot(*metadata, {}), {}))->id, 1);
}

TEST(IcebergMetadataTest, AnEmptyTableHasNoSnapshot) {
  for (const char* none : {"-1", "null"}) {
    const auto metadata = ParseIcebergMetadata(
        With("\"current-snapshot-id\": 12", StrCat("\"current-snapshot-id\": ", none)));
    ASSERT_TRUE(metadata.ok()) << metadata.status();
    EXPECT_EQ(*ChooseSnapshot(*metadata, {}), nullptr);
  }
}

TEST(IcebergMetadataTest, SaysWhatIsWrong) {
  EXPECT_THAT(ParseIcebergMetadata("{").status().message(), HasSubstr("JSON object"));
  EXPECT_THAT(ParseIcebergMetadata(std::string(100'000, '[')).status().message(),
              HasSubstr("bounded depth"));
  EXPECT_EQ(
      ParseIcebergMetadata(With("\"format-version\": 2", "\"format-version\": 3")).status().code(),
      absl::StatusCode::kUnimplemented);
  EXPECT_THAT(ParseIcebergMetadata(With("\"location\"", "\"place\"")).status().message(),
              HasSubstr("'location'"));
  EXPECT_THAT(ParseIcebergMetadata(With("\"id\": 2", "\"id\": 99999999999")).status().message(),
              HasSubstr("32 bits"));
  EXPECT_THAT(ParseIcebergMetadata(With("\"manifest-list\"", "\"list\"")).status().message(),
              HasSubstr("manifest-list"));
}

TEST(MetadataVersionTest, CountsVersions) {
  EXPECT_EQ(MetadataVersion("v12.metadata.json"), 12u);
  EXPECT_EQ(MetadataVersion("v12.gz.metadata.json"), 12u);
  EXPECT_EQ(MetadataVersion("00003-0a1b-22.metadata.json"), 3u);
  EXPECT_EQ(MetadataVersion("00003-0a1b-22.gz.metadata.json"), 3u);
  EXPECT_EQ(MetadataVersion("00003-0a1b-22.metadata.json.gz"), 3u);
  for (const char* other : {"snap-1-0-a.avro", "v.metadata.json", "x1.metadata.json",
                            "vv1.metadata.json", "12.metadata.json", "version-hint.text"}) {
    EXPECT_EQ(MetadataVersion(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace millrace
