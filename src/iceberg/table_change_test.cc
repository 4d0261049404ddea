#include "iceberg/table_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/strings.h"

namespace millrace {
namespace {

using nlohmann::json;

const absl::Time kNow = absl::FromUnixMillis(5000);

NewTable Table() {
  NewTable table;
  table.columns = {{.id = 1, .name = "a", .type = "string"},
                   {.id = 2, .name = "t", .type = "timestamptz"}};
  table.partition =
      IcebergPartitionField{.id = 1000, .source_id = 2, .name = "t_day", .transform = "day"};
  return table;
}

TableChange Snapshot(int64_t id, std::optional<int64_t> parent, int64_t sequence) {
  TableChange change;
  change.snapshot = NewSnapshot{.id = id,
                                .parent = parent,
                                .sequence_number = sequence,
                                .time = kNow,
                                .manifest_list = StrCat("l", id),
                                .summary = {{"operation", "append"}}};
  return change;
}

IcebergMetadata Parsed(const std::string& text) {
  const auto metadata = ParseIcebergMetadata(text);
  EXPECT_TRUE(metadata.ok()) << metadata.status();
  return metadata.ok() ? *metadata : IcebergMetadata();
}

TEST(TableChange, ANewTableIsEmpty) {
  const std::string text = MetadataOf(Table(), "s3://b/t", kNow);
  const IcebergMetadata metadata = Parsed(text);
  EXPECT_EQ(metadata.format_version, 2);
  EXPECT_EQ(metadata.location, "s3://b/t");
  EXPECT_EQ(metadata.uuid.size(), 36u);
  EXPECT_NE(metadata.uuid, Parsed(MetadataOf(Table(), "s3://b/t", kNow)).uuid);
  EXPECT_EQ(metadata.last_column_id, 2);
  EXPECT_EQ(metadata.partition_specs.at(0).at(0).id, 1000);
  EXPECT_EQ(metadata.current_snapshot_id, std::nullopt);
  EXPECT_EQ(json::parse(text)["last-partition-id"], 1000);
}

TEST(TableChange, SnapshotsAreAppendedAndWhatIsNotKnownStays) {
  json first = json::parse(MetadataOf(Table(), "s3://b/t", kNow));
  first["later-feature"] = {1, 2};
  first["properties"]["write.metadata.previous-versions-max"] = "2";
  first["refs"]["main"] = {{"snapshot-id", 1}, {"type", "branch"}, {"max-ref-age-ms", 9}};
  std::string text = first.dump();
  for (int64_t n = 1; n <= 4; ++n) {
    const auto next = ChangedMetadata(
        text, StrCat("v", n), Snapshot(10 + n, n == 1 ? std::nullopt : std::optional(9 + n), n),
        absl::FromUnixMillis(n == 3 ? 1 : 5000 + n));
    ASSERT_TRUE(next.ok()) << next.status();
    text = *next;
  }
  const IcebergMetadata metadata = Parsed(text);
  ASSERT_EQ(metadata.snapshots.size(), 4u);
  EXPECT_EQ(metadata.current_snapshot_id, 14);
  EXPECT_EQ(metadata.last_sequence_number, 4);
  EXPECT_EQ(metadata.snapshot_log.size(), 4u);
  EXPECT_EQ(metadata.last_updated, absl::FromUnixMillis(5004));
  const json last = json::parse(text);
  EXPECT_EQ(last["later-feature"], json({1, 2}));
  EXPECT_EQ(last["refs"]["main"]["snapshot-id"], 14);
  EXPECT_EQ(last["refs"]["main"]["max-ref-age-ms"], 9);
  EXPECT_FALSE(last["snapshots"][0].contains("parent-snapshot-id"));
  EXPECT_EQ(last["snapshots"][1]["parent-snapshot-id"], 11);
  ASSERT_EQ(last["metadata-log"].size(), 2u);
  EXPECT_EQ(last["metadata-log"][1]["metadata-file"], "v4");
  // A clock that was set back does not set the table back.
  EXPECT_EQ(last["metadata-log"][1]["timestamp-ms"], 5002);
}

TEST(TableChange, ColumnsAreAddedInASchemaOfItsOwn) {
  const std::string text = MetadataOf(Table(), "s3://b/t", kNow);
  const TableChange change{.new_columns = {{.id = 3, .name = "n", .type = "long"}}, .snapshot = {}};
  const auto next = ChangedMetadata(text, "v1", change, kNow);
  ASSERT_TRUE(next.ok()) << next.status();
  const IcebergMetadata metadata = Parsed(*next);
  ASSERT_EQ(metadata.schemas.size(), 2u);
  EXPECT_EQ(metadata.schemas[0].columns.size(), 2u);
  EXPECT_EQ(metadata.schemas[1].columns.size(), 3u);
  EXPECT_EQ(metadata.current_schema_id, 1);
  EXPECT_EQ(metadata.last_column_id, 3);

  const auto request = CommitRequestOf(Parsed(text), change);
  ASSERT_TRUE(request.ok()) << request.status();
  const json sent = json::parse(*request);
  EXPECT_EQ(sent["requirements"][1],
            json({{"type", "assert-current-schema-id"}, {"current-schema-id", 0}}));
  EXPECT_EQ(sent["requirements"][2],
            json({{"type", "assert-last-assigned-field-id"}, {"last-assigned-field-id", 2}}));
  EXPECT_EQ(sent["updates"][0]["schema"]["fields"].size(), 3u);
  EXPECT_EQ(sent["updates"][1], json({{"action", "set-current-schema"}, {"schema-id", -1}}));
}

TEST(TableChange, WhatIsNoTableIsRefused) {
  for (const char* text : {"", "[]", "{}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ChangedMetadata(text, "v1", {}, kNow).status())) << text;
  }
  IcebergMetadata metadata;
  metadata.current_schema_id = 5;
  EXPECT_TRUE(absl::IsInvalidArgument(
      CommitRequestOf(metadata, {.new_columns = {{.id = 1}}, .snapshot = {}}).status()));
}

}  // namespace
}  // namespace millrace
