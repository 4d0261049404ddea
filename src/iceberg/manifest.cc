#include "iceberg/manifest.h"

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "formats/avro_file.h"

namespace millrace {
namespace {

using Kind = AvroType::Kind;

absl::Status Missing(std::string_view what, std::string_view field) {
  return absl::DataLossError(StrCat(what, " has no '", field, "'"));
}

// Reads the fields of one record; keeps the first one that is missing.
class Record {
 public:
  Record(const AvroValue& record, std::string_view what) : record_(record), what_(what) {}

  int64_t Integer(std::string_view field) {
    const std::optional<int64_t> value = record_.Integer(field);
    if (!value) Fail(field);
    return value.value_or(0);
  }
  std::string Text(std::string_view field) {
    const auto value = record_.Bytes(field);
    if (!value) Fail(field);
    return std::string(value.value_or(""));
  }
  int32_t Id(std::string_view field) {
    const int64_t value = Integer(field);
    if (value < INT32_MIN || value > INT32_MAX) Fail(field);
    return static_cast<int32_t>(value);
  }
  const absl::Status& status() const { return status_; }

 private:
  void Fail(std::string_view field) {
    if (status_.ok()) status_ = Missing(what_, field);
  }

  const AvroValue& record_;
  const std::string_view what_;
  absl::Status status_;
};

std::optional<std::string> OptionalBytes(const AvroValue& record, std::string_view field) {
  const auto bytes = record.Bytes(field);
  if (!bytes) return std::nullopt;
  return std::string(*bytes);
}

// Old writers call "added_files_count" "added_data_files_count".
std::optional<int64_t> FileCount(const AvroValue& value, std::string_view status) {
  const std::optional<int64_t> count = value.Integer(StrCat(status, "_files_count"));
  return count ? count : value.Integer(StrCat(status, "_data_files_count"));
}

absl::StatusOr<ManifestInfo> MakeManifest(const AvroValue& value) {
  Record record(value, "an entry of the manifest list");
  ManifestInfo manifest;
  manifest.path = record.Text("manifest_path");
  manifest.spec_id = record.Id("partition_spec_id");
  manifest.holds_deletes = value.Integer("content").value_or(0) == 1;
  manifest.sequence_number = value.Integer("sequence_number").value_or(0);
  manifest.added_by = value.Integer("added_snapshot_id").value_or(0);
  RETURN_IF_ERROR(record.status());
  manifest.bytes = value.Integer("manifest_length").value_or(0);
  manifest.min_sequence_number = value.Integer("min_sequence_number").value_or(0);
  manifest.files = {FileCount(value, "added"), FileCount(value, "existing"),
                    FileCount(value, "deleted")};
  manifest.rows = {value.Integer("added_rows_count"), value.Integer("existing_rows_count"),
                   value.Integer("deleted_rows_count")};
  manifest.key_metadata = OptionalBytes(value, "key_metadata");
  const AvroValue* partitions = value.Field("partitions");
  if (partitions == nullptr || partitions->kind != Kind::kArray) return manifest;
  for (const AvroValue& summary : partitions->items) {
    PartitionSummary& added = manifest.partitions.emplace_back();
    added.lower = OptionalBytes(summary, "lower_bound");
    added.upper = OptionalBytes(summary, "upper_bound");
    added.has_null = summary.Boolean("contains_null").value_or(true);
    added.has_nan = summary.Boolean("contains_nan");
  }
  return manifest;
}

PartitionValue MakePartitionValue(const AvroValue& value) {
  PartitionValue made;
  made.is_null = value.is_null();
  switch (value.kind) {
    case Kind::kBoolean:
    case Kind::kInt:
    case Kind::kLong:
      made.integer = value.integer;
      made.text = StrCat(value.integer);
      break;
    case Kind::kFloat:
    case Kind::kDouble:
      made.text.assign(reinterpret_cast<const char*>(&value.real), sizeof value.real);
      break;
    default:
      made.text = std::string(value.bytes);
  }
  return made;
}

// A map with integer keys, which Avro lacks: a list of records of key and value.
std::map<int32_t, std::string> MakeBounds(const AvroValue* list, const std::vector<int32_t>& ids) {
  std::map<int32_t, std::string> bounds;
  if (list == nullptr || list->kind != Kind::kArray) return bounds;
  for (const AvroValue& item : list->items) {
    const auto key = item.Integer("key");
    const auto value = item.Bytes("value");
    if (key && value && std::find(ids.begin(), ids.end(), *key) != ids.end()) {
      bounds[static_cast<int32_t>(*key)] = std::string(*value);
    }
  }
  return bounds;
}

std::map<int32_t, int64_t> MakeCounts(const AvroValue* list, const std::vector<int32_t>& ids) {
  std::map<int32_t, int64_t> counts;
  if (list == nullptr || list->kind != Kind::kArray) return counts;
  for (const AvroValue& item : list->items) {
    const auto key = item.Integer("key");
    const auto value = item.Integer("value");
    if (key && value && std::find(ids.begin(), ids.end(), *key) != ids.end()) {
      counts[static_cast<int32_t>(*key)] = *value;
    }
  }
  return counts;
}

absl::StatusOr<ManifestEntry> MakeEntry(const AvroValue& value, bool is_new,
                                        const ManifestInfo& manifest,
                                        const std::vector<int32_t>& bounds_of) {
  const AvroValue* file = value.Field("data_file");
  if (file == nullptr) return Missing("an entry of the manifest", "data_file");
  Record record(*file, "a data file of the manifest");
  ManifestEntry entry;
  const int64_t content = file->Integer("content").value_or(0);
  if (content < 0 || content > 2) {
    return absl::UnimplementedError(StrCat("a data file of the unknown content ", content));
  }
  entry.content = static_cast<FileContent>(content);
  entry.path = record.Text("file_path");
  entry.format = record.Text("file_format");
  entry.rows = record.Integer("record_count");
  entry.bytes = record.Integer("file_size_in_bytes");
  RETURN_IF_ERROR(record.status());
  entry.spec_id = manifest.spec_id;
  // Files that this manifest added have the sequence number of its own commit, unless they have
  // their own.
  const std::optional<int64_t> sequence = value.Integer("sequence_number");
  if (!sequence && !is_new && manifest.sequence_number != 0) {
    return Missing("an entry of an older snapshot in the manifest", "sequence_number");
  }
  entry.sequence_number = sequence.value_or(manifest.sequence_number);
  entry.snapshot_id = value.Integer("snapshot_id").value_or(is_new ? manifest.added_by : 0);
  if (const AvroValue* partition = file->Field("partition"); partition != nullptr) {
    for (const AvroValue& item : partition->items) {
      entry.partition.push_back(MakePartitionValue(item));
    }
  }
  entry.lower_bounds = MakeBounds(file->Field("lower_bounds"), bounds_of);
  entry.upper_bounds = MakeBounds(file->Field("upper_bounds"), bounds_of);
  entry.null_counts = MakeCounts(file->Field("null_value_counts"), bounds_of);
  if (const AvroValue* ids = file->Field("equality_ids"); ids != nullptr) {
    for (const AvroValue& id : ids->items) {
      entry.equality_ids.push_back(static_cast<int32_t>(id.integer));
    }
  }
  return entry;
}

}  // namespace

absl::Status ReadManifestList(InputStream& stream, const ManifestVisitor& visitor) {
  return ReadAvroFile(stream, [&](const AvroValue& value, const auto&) -> absl::Status {
    ASSIGN_OR_RETURN(ManifestInfo manifest, MakeManifest(value));
    return visitor(std::move(manifest));
  });
}

absl::Status ReadManifest(InputStream& stream, const ManifestInfo& manifest,
                          const std::vector<int32_t>& bounds_of, const EntryVisitor& visitor,
                          EntryKind kind) {
  constexpr int64_t kAdded = 1;
  constexpr int64_t kDeleted = 2;
  return ReadAvroFile(stream, [&](const AvroValue& value, const auto&) -> absl::Status {
    const std::optional<int64_t> status = value.Integer("status");
    if (!status) return Missing("an entry of the manifest", "status");
    const bool is_removed = *status == kDeleted;
    if (is_removed && kind == EntryKind::kLive) return absl::OkStatus();
    ASSIGN_OR_RETURN(ManifestEntry entry, MakeEntry(value, *status == kAdded, manifest, bounds_of));
    entry.is_removed = is_removed;
    return visitor(std::move(entry));
  });
}

}  // namespace millrace
