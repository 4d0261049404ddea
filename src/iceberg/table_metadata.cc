#include "iceberg/table_metadata.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxListedSnapshots = 10;  // in messages
constexpr int64_t kMaxSequence = int64_t{1} << 62;
constexpr int32_t kMaxColumnId = 1 << 30;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(StrCat("not Iceberg table metadata: ", what));
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Members of one JSON object, with type checks.
class Fields {
 public:
  Fields(const Json& object, std::string_view what) : object_(object), what_(what) {}

  absl::StatusOr<int64_t> Integer(const char* key) const {
    const Json* value = Find(key);
    if (value == nullptr || !value->is_number_integer()) return Missing(key, "an integer");
    if (value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX) {
      return Missing(key, "an integer of 64 bits");
    }
    return value->get<int64_t>();
  }

  absl::StatusOr<int32_t> Id(const char* key) const {
    ASSIGN_OR_RETURN(const int64_t value, Integer(key));
    if (value < INT32_MIN || value > INT32_MAX) return Missing(key, "an integer of 32 bits");
    return static_cast<int32_t>(value);
  }

  absl::StatusOr<std::string> Text(const char* key) const {
    const Json* value = Find(key);
    if (value == nullptr || !value->is_string()) return Missing(key, "text");
    return value->get<std::string>();
  }

  absl::StatusOr<absl::Time> Time(const char* key) const {
    ASSIGN_OR_RETURN(const int64_t ms, Integer(key));
    return absl::FromUnixMillis(ms);
  }

  // Null if it is missing or null.
  const Json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  // Its items; empty if it is missing.
  absl::StatusOr<const Json*> List(const char* key) const {
    static const Json kNone = Json::array();
    const Json* value = Find(key);
    if (value == nullptr) return &kNone;
    if (!value->is_array()) return Missing(key, "a list");
    return value;
  }

  absl::Status Missing(const char* key, std::string_view type) const {
    return Wrong(StrCat(what_, " has no '", key, "' that is ", type));
  }

 private:
  const Json& object_;
  const std::string_view what_;
};

// Adds the members of `type`, a struct or a type that contains structs. The JSON is of bounded
// depth.
absl::Status AddNames(const Json& type, std::map<int32_t, std::string>& names) {
  const Fields fields(type, "a type");
  ASSIGN_OR_RETURN(const Json* members, fields.List("fields"));
  for (const Json& item : *members) {
    const Fields member(item, "a member of a struct");
    ASSIGN_OR_RETURN(const int32_t id, member.Id("id"));
    ASSIGN_OR_RETURN(names[id], member.Text("name"));
    if (const Json* inner = member.Find("type"); inner != nullptr) {
      RETURN_IF_ERROR(AddNames(*inner, names));
    }
  }
  for (const char* part : {"element", "key", "value"}) {
    if (const Json* inner = fields.Find(part); inner != nullptr) {
      RETURN_IF_ERROR(AddNames(*inner, names));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<IcebergSchema> ParseSchema(const Json& json) {
  const Fields fields(json, "a schema");
  IcebergSchema schema;
  schema.json = DumpJson(json);
  if (fields.Find("schema-id") != nullptr) {
    ASSIGN_OR_RETURN(schema.id, fields.Id("schema-id"));
  }
  ASSIGN_OR_RETURN(const Json* list, fields.List("fields"));
  for (const Json& item : *list) {
    const Fields field(item, "a column of a schema");
    IcebergColumn column;
    ASSIGN_OR_RETURN(column.id, field.Id("id"));
    ASSIGN_OR_RETURN(column.name, field.Text("name"));
    const Json* type = field.Find("type");
    if (type == nullptr) return field.Missing("type", "a type");
    if (type->is_string()) {
      column.type = type->get<std::string>();
    } else {
      ASSIGN_OR_RETURN(column.type, Fields(*type, "a type").Text("type"));
    }
    const Json* required = field.Find("required");
    column.required = required != nullptr && required->is_boolean() && required->get<bool>();
    schema.names_by_id[column.id] = column.name;
    RETURN_IF_ERROR(AddNames(*type, schema.names_by_id));
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

absl::StatusOr<std::vector<IcebergPartitionField>> ParseSpec(const Json& list) {
  std::vector<IcebergPartitionField> spec;
  for (const Json& item : list) {
    const Fields field(item, "a partition field");
    IcebergPartitionField& added = spec.emplace_back();
    if (field.Find("field-id") != nullptr) {
      ASSIGN_OR_RETURN(added.id, field.Id("field-id"));
    }
    ASSIGN_OR_RETURN(added.source_id, field.Id("source-id"));
    ASSIGN_OR_RETURN(added.name, field.Text("name"));
    ASSIGN_OR_RETURN(added.transform, field.Text("transform"));
  }
  return spec;
}

absl::StatusOr<IcebergSnapshot> ParseSnapshot(const Json& json) {
  const Fields fields(json, "a snapshot");
  IcebergSnapshot snapshot;
  ASSIGN_OR_RETURN(snapshot.id, fields.Integer("snapshot-id"));
  ASSIGN_OR_RETURN(snapshot.time, fields.Time("timestamp-ms"));
  if (fields.Find("schema-id") != nullptr) {
    ASSIGN_OR_RETURN(snapshot.schema_id, fields.Id("schema-id"));
  }
  if (fields.Find("sequence-number") != nullptr) {
    ASSIGN_OR_RETURN(snapshot.sequence_number, fields.Integer("sequence-number"));
  }
  if (const Json* summary = fields.Find("summary"); summary != nullptr) {
    const Fields in(*summary, "the summary of a snapshot");
    if (in.Find("operation") != nullptr) {
      ASSIGN_OR_RETURN(snapshot.operation, in.Text("operation"));
    }
    for (const auto& [key, value] : summary->items()) {
      if (value.is_string()) snapshot.summary[key] = value.get<std::string>();
    }
  }
  if (fields.Find("manifest-list") != nullptr) {
    ASSIGN_OR_RETURN(snapshot.manifest_list, fields.Text("manifest-list"));
    return snapshot;
  }
  if (fields.Find("manifests") == nullptr) return fields.Missing("manifest-list", "text");
  ASSIGN_OR_RETURN(const Json* manifests, fields.List("manifests"));
  for (const Json& manifest : *manifests) {
    if (!manifest.is_string()) return fields.Missing("manifests", "a list of text");
    snapshot.manifests.push_back(manifest.get<std::string>());
  }
  return snapshot;
}

absl::Status ParseSchemas(const Fields& fields, IcebergMetadata& metadata) {
  ASSIGN_OR_RETURN(const Json* schemas, fields.List("schemas"));
  for (const Json& json : *schemas) {
    ASSIGN_OR_RETURN(metadata.schemas.emplace_back(), ParseSchema(json));
  }
  if (!schemas->empty()) {
    ASSIGN_OR_RETURN(metadata.current_schema_id, fields.Id("current-schema-id"));
    return absl::OkStatus();
  }
  // Version 1 may have only one schema.
  const Json* schema = fields.Find("schema");
  if (schema == nullptr) return fields.Missing("schemas", "a list");
  ASSIGN_OR_RETURN(metadata.schemas.emplace_back(), ParseSchema(*schema));
  metadata.current_schema_id = metadata.schemas.back().id;
  return absl::OkStatus();
}

absl::Status ParseSpecs(const Fields& fields, IcebergMetadata& metadata) {
  ASSIGN_OR_RETURN(const Json* specs, fields.List("partition-specs"));
  for (const Json& json : *specs) {
    const Fields spec(json, "a partition spec");
    ASSIGN_OR_RETURN(const int32_t id, spec.Id("spec-id"));
    ASSIGN_OR_RETURN(const Json* list, spec.List("fields"));
    ASSIGN_OR_RETURN(metadata.partition_specs[id], ParseSpec(*list));
  }
  if (!specs->empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json* list, fields.List("partition-spec"));
  ASSIGN_OR_RETURN(metadata.partition_specs[0], ParseSpec(*list));
  return absl::OkStatus();
}

absl::Status ParseSnapshots(const Fields& fields, IcebergMetadata& metadata) {
  ASSIGN_OR_RETURN(const Json* snapshots, fields.List("snapshots"));
  for (const Json& json : *snapshots) {
    ASSIGN_OR_RETURN(metadata.snapshots.emplace_back(), ParseSnapshot(json));
  }
  if (fields.Find("current-snapshot-id") != nullptr) {
    ASSIGN_OR_RETURN(const int64_t id, fields.Integer("current-snapshot-id"));
    if (id != -1) metadata.current_snapshot_id = id;
  }
  if (const Json* refs = fields.Find("refs"); refs != nullptr) {
    const Json* main = Fields(*refs, "refs").Find("main");
    for (const char* name : {"min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms"}) {
      if (main == nullptr || Fields(*main, "a ref").Find(name) == nullptr) continue;
      ASSIGN_OR_RETURN(metadata.main_retention[name], Fields(*main, "a ref").Integer(name));
    }
  }
  ASSIGN_OR_RETURN(const Json* log, fields.List("snapshot-log"));
  for (const Json& json : *log) {
    const Fields entry(json, "an entry of the snapshot log");
    IcebergMetadata::LogEntry& added = metadata.snapshot_log.emplace_back();
    ASSIGN_OR_RETURN(added.time, entry.Time("timestamp-ms"));
    ASSIGN_OR_RETURN(added.snapshot_id, entry.Integer("snapshot-id"));
  }
  return absl::OkStatus();
}

// The property is JSON in a string: [{"field-id": 1, "names": ["a", "b"]}, ...]
absl::Status ParseNameMapping(const Fields& fields, IcebergMetadata& metadata) {
  const Json* properties = fields.Find("properties");
  if (properties == nullptr) return absl::OkStatus();
  const Fields in(*properties, "the properties");
  if (in.Find("schema.name-mapping.default") == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, in.Text("schema.name-mapping.default"));
  const std::optional<Json> mapping = ParseJson(text);
  if (!mapping || !mapping->is_array()) return Wrong("its name mapping is not a list");
  metadata.has_name_mapping = true;
  for (const Json& item : *mapping) {
    const Fields entry(item, "an entry of the name mapping");
    if (entry.Find("field-id") == nullptr) continue;
    ASSIGN_OR_RETURN(const int32_t id, entry.Id("field-id"));
    ASSIGN_OR_RETURN(const Json* names, entry.List("names"));
    for (const Json& name : *names) {
      if (name.is_string()) metadata.name_mapping[id].push_back(name.get<std::string>());
    }
  }
  return absl::OkStatus();
}

std::string ListSnapshots(const IcebergMetadata& metadata) {
  if (metadata.snapshots.empty()) return "the table has no snapshots";
  std::string text = "the table has";
  const size_t count = metadata.snapshots.size();
  for (size_t i = count > kMaxListedSnapshots ? count - kMaxListedSnapshots : 0; i < count; ++i) {
    const IcebergSnapshot& snapshot = metadata.snapshots[i];
    StrAppend(&text, text.back() == 's' ? " " : ", ", snapshot.id, " of ",
              absl::FormatTime(absl::RFC3339_full, snapshot.time, absl::UTCTimeZone()));
  }
  return count > kMaxListedSnapshots ? StrCat(text, " and older ones") : text;
}

absl::StatusOr<int64_t> SnapshotAt(const IcebergMetadata& metadata, absl::Time time) {
  std::optional<IcebergMetadata::LogEntry> best;
  const auto consider = [&](absl::Time since, int64_t id) {
    if (since <= time && (!best || since >= best->time)) best = {since, id};
  };
  for (const auto& entry : metadata.snapshot_log) consider(entry.time, entry.snapshot_id);
  if (metadata.snapshot_log.empty()) {
    for (const IcebergSnapshot& snapshot : metadata.snapshots) consider(snapshot.time, snapshot.id);
  }
  if (best) return best->snapshot_id;
  return absl::NotFoundError(StrCat("no snapshot was current at ",
                                    absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()),
                                    "; ", ListSnapshots(metadata)));
}

}  // namespace

const IcebergColumn* IcebergSchema::Find(std::string_view name) const {
  for (const IcebergColumn& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

absl::StatusOr<IcebergMetadata> ParseIcebergMetadata(std::string_view text) {
  const std::optional<Json> json = ParseJson(text);
  if (!json) return Wrong("it is not one JSON object of bounded depth");
  return IcebergMetadataOf(*json);
}

absl::StatusOr<IcebergMetadata> IcebergMetadataOf(const Json& json) {
  if (!json.is_object()) return Wrong("it is not one JSON object of bounded depth");
  const Fields fields(json, "it");
  IcebergMetadata metadata;
  ASSIGN_OR_RETURN(const int64_t version, fields.Integer("format-version"));
  if (version > 2) {
    return absl::UnimplementedError(StrCat(
        "the table has format version ", version,
        "; versions 1 and 2 are supported (deletion vectors and other later features are not)"));
  }
  if (version < 1) return Wrong("its format version is below 1");
  metadata.format_version = static_cast<int>(version);
  if (fields.Find("table-uuid") != nullptr) {
    ASSIGN_OR_RETURN(metadata.uuid, fields.Text("table-uuid"));
  }
  ASSIGN_OR_RETURN(metadata.location, fields.Text("location"));
  ASSIGN_OR_RETURN(metadata.last_updated, fields.Time("last-updated-ms"));
  if (fields.Find("last-sequence-number") != nullptr) {
    ASSIGN_OR_RETURN(metadata.last_sequence_number, fields.Integer("last-sequence-number"));
  }
  if (fields.Find("last-column-id") != nullptr) {
    ASSIGN_OR_RETURN(metadata.last_column_id, fields.Id("last-column-id"));
  }
  if (metadata.last_sequence_number > kMaxSequence || metadata.last_column_id > kMaxColumnId) {
    return Wrong("its last sequence number or column id is too large to be continued");
  }
  if (fields.Find("default-spec-id") != nullptr) {
    ASSIGN_OR_RETURN(metadata.default_spec_id, fields.Id("default-spec-id"));
  }
  RETURN_IF_ERROR(ParseSchemas(fields, metadata));
  RETURN_IF_ERROR(ParseSpecs(fields, metadata));
  RETURN_IF_ERROR(ParseSnapshots(fields, metadata));
  RETURN_IF_ERROR(ParseNameMapping(fields, metadata));
  return metadata;
}

absl::StatusOr<const IcebergSnapshot*> ChooseSnapshot(const IcebergMetadata& metadata,
                                                      const SnapshotChoice& choice) {
  std::optional<int64_t> id =
      choice.snapshot_id ? choice.snapshot_id : metadata.current_snapshot_id;
  if (choice.as_of) {
    ASSIGN_OR_RETURN(id, SnapshotAt(metadata, *choice.as_of));
  }
  if (!id) return nullptr;
  for (const IcebergSnapshot& snapshot : metadata.snapshots) {
    if (snapshot.id == *id) return &snapshot;
  }
  return absl::NotFoundError(StrCat(
      "there is no snapshot ", *id,
      choice.as_of ? ", which was current then: it has expired; " : "; ", ListSnapshots(metadata)));
}

absl::StatusOr<const IcebergSchema*> SchemaOf(const IcebergMetadata& metadata,
                                              const IcebergSnapshot* snapshot,
                                              const SnapshotChoice& choice) {
  const bool is_chosen = choice.snapshot_id || choice.as_of;
  const int32_t id = snapshot != nullptr && is_chosen && snapshot->schema_id
                         ? *snapshot->schema_id
                         : metadata.current_schema_id;
  for (const IcebergSchema& schema : metadata.schemas) {
    if (schema.id == id) return &schema;
  }
  return Wrong(StrCat("there is no schema ", id));
}

}  // namespace millrace
