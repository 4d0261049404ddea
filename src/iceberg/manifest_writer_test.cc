// What is written is read back; other readers are behind the tests in tests/integration.
#include "iceberg/manifest_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/strings.h"
#include "formats/avro_file.h"
#include "io/input_stream.h"

namespace millrace {
namespace {

IcebergSchema Schema() {
  return {.id = 3, .columns = {}, .names_by_id = {}, .json = R"({"type":"struct"})"};
}

IcebergPartitionField Day() {
  return {.id = 1000, .source_id = 2, .name = "a \"day\"", .transform = "day"};
}

AddedFile File(std::string path, std::optional<int32_t> partition) {
  return {.path = std::move(path),
          .partition = partition,
          .rows = 10,
          .bytes = 1234,
          .columns = {{.id = 1, .bytes = 7, .values = 10, .nulls = 2, .min = -5, .max = 9},
                      {.id = 2, .bytes = 8, .values = 10}}};
}

std::vector<ManifestEntry> EntriesOf(const std::string& bytes) {
  const auto stream = NewMemoryStream(bytes);
  std::vector<ManifestEntry> entries;
  const ManifestInfo info{.spec_id = 4, .sequence_number = 6, .added_by = 77};
  const absl::Status read = ReadManifest(*stream, info, {1, 2}, [&](ManifestEntry entry) {
    entries.push_back(std::move(entry));
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  return entries;
}

TEST(ManifestWriter, EntriesInheritWhatTheSnapshotGives) {
  const IcebergSchema schema = Schema();
  const std::vector<AddedFile> files = {File("s3://b/1.parquet", 20000),
                                        File("s3://b/2.parquet", std::nullopt),
                                        File("s3://b/3.parquet", -1)};
  const WrittenManifest written = WriteManifest({schema, 4, Day()}, files);
  EXPECT_EQ(written.bytes, WriteManifest({schema, 4, Day()}, files).bytes);
  EXPECT_EQ(written.info.bytes, static_cast<int64_t>(written.bytes.size()));
  EXPECT_EQ(written.info.files.added, 3);
  EXPECT_EQ(written.info.rows.added, 30);
  ASSERT_EQ(written.info.partitions.size(), 1u);
  EXPECT_TRUE(written.info.partitions[0].has_null);
  EXPECT_EQ(written.info.partitions[0].lower, std::string("\xff\xff\xff\xff", 4));
  EXPECT_EQ(written.info.partitions[0].upper, std::string("\x20\x4e\0\0", 4));

  const std::vector<ManifestEntry> entries = EntriesOf(written.bytes);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].path, "s3://b/1.parquet");
  EXPECT_EQ(entries[0].format, "PARQUET");
  EXPECT_EQ(entries[0].rows, 10);
  EXPECT_EQ(entries[0].bytes, 1234);
  EXPECT_EQ(entries[0].sequence_number, 6);
  EXPECT_EQ(entries[0].snapshot_id, 77);
  EXPECT_EQ(entries[0].partition[0].integer, 20000);
  EXPECT_TRUE(entries[1].partition[0].is_null);
  EXPECT_EQ(entries[0].lower_bounds.at(1), std::string("\xfb\xff\xff\xff\xff\xff\xff\xff", 8));
  EXPECT_EQ(entries[0].upper_bounds.at(1), std::string("\x09\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(entries[0].null_counts.at(1), 2);
  EXPECT_FALSE(entries[0].lower_bounds.contains(2));
  EXPECT_FALSE(entries[0].null_counts.contains(2));
}

TEST(ManifestWriter, HeadersDescribeTheTable) {
  const IcebergSchema schema = Schema();
  std::map<std::string, std::string> header;
  for (const bool is_partitioned : {true, false}) {
    const std::vector<AddedFile> files = {File("p", std::nullopt)};
    const ManifestSchema of{schema, 4, is_partitioned ? std::optional(Day()) : std::nullopt};
    const WrittenManifest written = WriteManifest(of, files);
    EXPECT_EQ(written.info.partitions.size(), is_partitioned ? 1u : 0u);
    const auto stream = NewMemoryStream(written.bytes);
    ASSERT_TRUE(ReadAvroFile(*stream, [&](const AvroValue&, const auto& metadata) {
                  header = metadata;
                  return absl::OkStatus();
                }).ok());
    EXPECT_EQ(header["format-version"], "2");
    EXPECT_EQ(header["content"], "data");
    EXPECT_EQ(header["schema"], R"({"type":"struct"})");
    EXPECT_EQ(header["schema-id"], "3");
    EXPECT_EQ(header["partition-spec-id"], "4");
    EXPECT_EQ(header["partition-spec"],
              is_partitioned
                  ? R"([{"name":"a \"day\"","transform":"day","source-id":2,"field-id":1000}])"
                  : "[]");
  }
}

TEST(ManifestWriter, AListKeepsWhatItWasGiven) {
  ManifestInfo full{.path = "s3://b/m0.avro",
                    .bytes = 17,
                    .spec_id = 2,
                    .holds_deletes = true,
                    .sequence_number = 5,
                    .min_sequence_number = 3,
                    .added_by = 99,
                    .files = {1, 2, 3},
                    .rows = {4, 5, 6},
                    .key_metadata = "key"};
  full.partitions = {{.lower = "a", .upper = "b", .has_null = true, .has_nan = false},
                     {.lower = {}, .upper = {}, .has_null = false, .has_nan = {}}};
  const ManifestInfo bare{.path = "m1", .files = {0, 0, 0}, .rows = {0, 0, 0}};
  const auto bytes = WriteManifestList({.id = 7, .sequence_number = 8}, {{full, bare}});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto stream = NewMemoryStream(*bytes);
  std::vector<ManifestInfo> read;
  ASSERT_TRUE(ReadManifestList(*stream, [&](ManifestInfo info) {
                read.push_back(std::move(info));
                return absl::OkStatus();
              }).ok());
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].path, full.path);
  EXPECT_EQ(read[0].bytes, 17);
  EXPECT_EQ(read[0].spec_id, 2);
  EXPECT_TRUE(read[0].holds_deletes);
  EXPECT_EQ(read[0].sequence_number, 5);
  EXPECT_EQ(read[0].min_sequence_number, 3);
  EXPECT_EQ(read[0].added_by, 99);
  EXPECT_EQ(read[0].files.removed, 3);
  EXPECT_EQ(read[0].rows.existing, 5);
  EXPECT_EQ(read[0].key_metadata, "key");
  ASSERT_EQ(read[0].partitions.size(), 2u);
  EXPECT_EQ(read[0].partitions[0].upper, "b");
  EXPECT_EQ(read[0].partitions[0].has_nan, false);
  EXPECT_EQ(read[0].partitions[1].has_nan, std::nullopt);
  EXPECT_FALSE(read[0].partitions[1].has_null);
  EXPECT_TRUE(read[1].partitions.empty());
}

TEST(ManifestWriter, AListOfOldManifestsWithoutCountsIsRefused) {
  const ManifestInfo old{.path = "m1"};
  const auto bytes = WriteManifestList({.id = 7}, {{old}});
  EXPECT_TRUE(absl::IsInvalidArgument(bytes.status()));
  EXPECT_THAT(bytes.status().message(), testing::HasSubstr("m1"));
}

}  // namespace
}  // namespace millrace
