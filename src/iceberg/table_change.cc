#include "iceberg/table_change.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr int32_t kFirstPartitionId = 1000;  // by the specification
constexpr size_t kPreviousVersions = 100;    // the default of write.metadata.previous-versions-max

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json FieldsOf(const std::vector<IcebergColumn>& columns) {
  Json fields = Json::array();
  for (const IcebergColumn& column : columns) {
    fields.push_back({{"id", column.id},
                      {"name", column.name},
                      {"required", column.required},
                      {"type", column.type}});
  }
  return fields;
}

Json SchemaOf(const NewTable& table) {
  return {{"type", "struct"}, {"schema-id", 0}, {"fields", FieldsOf(table.columns)}};
}

Json SpecOf(const NewTable& table) {
  Json fields = Json::array();
  if (table.partition) {
    fields.push_back({{"name", table.partition->name},
                      {"transform", table.partition->transform},
                      {"source-id", table.partition->source_id},
                      {"field-id", table.partition->id}});
  }
  return {{"spec-id", 0}, {"fields", std::move(fields)}};
}

Json NoOrder() { return {{"order-id", 0}, {"fields", Json::array()}}; }

std::string NewUuid() {
  absl::BitGen random;
  const auto high = absl::Uniform<uint64_t>(random), low = absl::Uniform<uint64_t>(random);
  // Version 4, variant 1.
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32, high >> 16 & 0xffff,
                         high & 0xfff, (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

Json ToJson(const NewSnapshot& snapshot) {
  Json json = {{"snapshot-id", snapshot.id}};
  if (snapshot.parent) json["parent-snapshot-id"] = *snapshot.parent;
  json["sequence-number"] = snapshot.sequence_number;
  json["timestamp-ms"] = absl::ToUnixMillis(snapshot.time);
  json["summary"] = snapshot.summary;
  json["manifest-list"] = snapshot.manifest_list;
  json["schema-id"] = snapshot.schema_id;
  return json;
}

// The schema with more columns, and an id of its own.
absl::StatusOr<Json> WithColumns(const IcebergMetadata& metadata,
                                 const std::vector<IcebergColumn>& columns) {
  Json schema;
  int32_t last_id = 0;
  for (const IcebergSchema& known : metadata.schemas) {
    last_id = std::max(last_id, known.id);
    if (known.id != metadata.current_schema_id) continue;
    schema = ParseOrderedJson(known.json).value_or(Json());
  }
  if (!schema.is_object() || !schema["fields"].is_array()) {
    return absl::InvalidArgumentError("the table has no current schema");
  }
  for (Json& field : FieldsOf(columns)) schema["fields"].push_back(std::move(field));
  schema["schema-id"] = last_id + 1;
  return schema;
}

int32_t LastId(const std::vector<IcebergColumn>& columns) {
  int32_t last = 0;
  for (const IcebergColumn& column : columns) last = std::max(last, column.id);
  return last;
}

size_t PreviousVersionsOf(const Json& metadata) {
  size_t count = kPreviousVersions;
  const Json properties = metadata.value("properties", Json::object());
  if (!properties.is_object()) return count;
  const Json text = properties.value("write.metadata.previous-versions-max", Json());
  if (!text.is_string()) return count;
  const auto& digits = text.get_ref<const std::string&>();
  std::from_chars(digits.data(), digits.data() + digits.size(), count);
  return std::max<size_t>(count, 1);
}

// An empty list if it is missing.
absl::StatusOr<Json*> ListIn(Json& metadata, const char* name) {
  Json& list = metadata[name];
  if (list.is_null()) list = Json::array();
  if (list.is_array()) return &list;
  return absl::InvalidArgumentError(
      StrCat("not Iceberg table metadata: '", name, "' is not a list"));
}

absl::Status AddSnapshot(Json& metadata, const NewSnapshot& snapshot) {
  ASSIGN_OR_RETURN(Json* const snapshots, ListIn(metadata, "snapshots"));
  snapshots->push_back(ToJson(snapshot));
  metadata["current-snapshot-id"] = snapshot.id;
  metadata["last-sequence-number"] = snapshot.sequence_number;
  ASSIGN_OR_RETURN(Json* const log, ListIn(metadata, "snapshot-log"));
  log->push_back(
      {{"timestamp-ms", absl::ToUnixMillis(snapshot.time)}, {"snapshot-id", snapshot.id}});
  Json& refs = metadata["refs"];
  if (refs.is_null()) refs = Json::object();
  if (!refs.is_object() || (refs.contains("main") && !refs["main"].is_object())) {
    return absl::InvalidArgumentError("not Iceberg table metadata: 'refs' is not an object");
  }
  refs["main"]["snapshot-id"] = snapshot.id;
  refs["main"]["type"] = "branch";
  return absl::OkStatus();
}

}  // namespace

std::string MetadataOf(const NewTable& table, std::string_view location, absl::Time now) {
  const int32_t last_partition_id = table.partition ? table.partition->id : kFirstPartitionId - 1;
  return Dump({{"format-version", 2},
               {"table-uuid", NewUuid()},
               {"location", location},
               {"last-sequence-number", 0},
               {"last-updated-ms", absl::ToUnixMillis(now)},
               {"last-column-id", LastId(table.columns)},
               {"current-schema-id", 0},
               {"schemas", Json::array({SchemaOf(table)})},
               {"default-spec-id", 0},
               {"partition-specs", Json::array({SpecOf(table)})},
               {"last-partition-id", last_partition_id},
               {"default-sort-order-id", 0},
               {"sort-orders", Json::array({NoOrder()})},
               {"properties", table.properties},
               {"current-snapshot-id", -1},
               {"refs", Json::object()},
               {"snapshots", Json::array()},
               {"statistics", Json::array()},
               {"snapshot-log", Json::array()},
               {"metadata-log", Json::array()}});
}

std::string CreateRequestOf(const NewTable& table, std::string_view name) {
  Json properties = table.properties;
  properties["format-version"] = "2";
  return Dump({{"name", name},
               {"schema", SchemaOf(table)},
               {"partition-spec", SpecOf(table)},
               {"write-order", NoOrder()},
               {"stage-create", false},
               {"properties", std::move(properties)}});
}

absl::StatusOr<std::string> ChangedMetadata(std::string_view metadata,
                                            std::string_view metadata_file,
                                            const TableChange& change, absl::Time now) {
  ASSIGN_OR_RETURN(const IcebergMetadata parsed, ParseIcebergMetadata(metadata));
  Json json = ParseOrderedJson(metadata).value_or(Json::object());
  if (!change.new_columns.empty()) {
    ASSIGN_OR_RETURN(const Json schema, WithColumns(parsed, change.new_columns));
    ASSIGN_OR_RETURN(Json* const schemas, ListIn(json, "schemas"));
    schemas->push_back(schema);
    json["current-schema-id"] = schema["schema-id"];
    json["last-column-id"] = std::max(parsed.last_column_id, LastId(change.new_columns));
  }
  absl::Time updated = std::max(now, parsed.last_updated);
  if (change.snapshot) {
    RETURN_IF_ERROR(AddSnapshot(json, *change.snapshot));
    updated = std::max(updated, change.snapshot->time);
  }
  ASSIGN_OR_RETURN(Json* const log, ListIn(json, "metadata-log"));
  log->push_back({{"timestamp-ms", absl::ToUnixMillis(parsed.last_updated)},
                  {"metadata-file", metadata_file}});
  const size_t kept = PreviousVersionsOf(json);
  if (log->size() > kept) log->erase(log->begin(), log->end() - static_cast<ptrdiff_t>(kept));
  json["last-updated-ms"] = absl::ToUnixMillis(updated);
  return Dump(json);
}

absl::StatusOr<std::string> CommitRequestOf(const IcebergMetadata& metadata,
                                            const TableChange& change) {
  Json requirements = Json::array(), updates = Json::array();
  requirements.push_back({{"type", "assert-table-uuid"}, {"uuid", metadata.uuid}});
  if (!change.new_columns.empty()) {
    ASSIGN_OR_RETURN(Json schema, WithColumns(metadata, change.new_columns));
    requirements.push_back(
        {{"type", "assert-current-schema-id"}, {"current-schema-id", metadata.current_schema_id}});
    requirements.push_back({{"type", "assert-last-assigned-field-id"},
                            {"last-assigned-field-id", metadata.last_column_id}});
    updates.push_back({{"action", "add-schema"}, {"schema", std::move(schema)}});
    updates.push_back({{"action", "set-current-schema"}, {"schema-id", -1}});  // the one above
  }
  if (change.snapshot) {
    Json parent;
    if (change.snapshot->parent) parent = *change.snapshot->parent;
    requirements.push_back(
        {{"type", "assert-ref-snapshot-id"}, {"ref", "main"}, {"snapshot-id", std::move(parent)}});
    updates.push_back({{"action", "add-snapshot"}, {"snapshot", ToJson(*change.snapshot)}});
    Json ref = {{"action", "set-snapshot-ref"},
                {"ref-name", "main"},
                {"type", "branch"},
                {"snapshot-id", change.snapshot->id}};
    for (const auto& [name, value] : metadata.main_retention) ref[name] = value;
    updates.push_back(std::move(ref));
  }
  return Dump({{"requirements", std::move(requirements)}, {"updates", std::move(updates)}});
}

int64_t NewSnapshotId(const IcebergMetadata& metadata) {
  absl::BitGen random;
  for (;;) {
    const int64_t id = absl::Uniform<int64_t>(random, 1, INT64_MAX);
    const bool is_taken =
        std::any_of(metadata.snapshots.begin(), metadata.snapshots.end(),
                    [id](const IcebergSnapshot& known) { return known.id == id; });
    if (!is_taken) return id;
  }
}

}  // namespace millrace
