// An Iceberg table's metadata file (Iceberg specification, "Table Metadata"), as far as readers
// need it.
#ifndef MILLRACE_ICEBERG_TABLE_METADATA_H_
#define MILLRACE_ICEBERG_TABLE_METADATA_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

struct IcebergColumn {
  int32_t id = 0;
  std::string name;
  std::string type;  // "timestamp", "double", ...; "struct", "list" or "map" for nested ones
  bool required = false;
};

struct IcebergSchema {
  int32_t id = 0;
  std::vector<IcebergColumn> columns;  // of the top level
  // The columns and the members of structs at any depth.
  std::map<int32_t, std::string> names_by_id;
  std::string json;  // the whole, as manifests repeat it
  const IcebergColumn* Find(std::string_view name) const;
};

struct IcebergPartitionField {
  int32_t id = 0;
  int32_t source_id = 0;  // the column
  std::string name;
  std::string transform;  // "hour", "identity", "bucket[16]", ...
};

struct IcebergSnapshot {
  int64_t id = 0;
  int64_t sequence_number = 0;  // 0 in tables of version 1
  std::string operation;        // "append", "replace", "overwrite", "delete"; empty: not given
  std::map<std::string, std::string> summary;  // with the operation
  absl::Time time;
  std::string manifest_list;           // or, in old tables of version 1:
  std::vector<std::string> manifests;  // the manifests themselves
  std::optional<int32_t> schema_id;
};

struct IcebergMetadata {
  int format_version = 0;  // 1 or 2
  std::string uuid;        // empty: not given
  std::string location;    // of the table, as recorded by its writer
  absl::Time last_updated;
  std::vector<IcebergSchema> schemas;
  int32_t current_schema_id = 0;
  int32_t last_column_id = 0;        // the highest that was ever given to a column
  int64_t last_sequence_number = 0;  // 0 in tables of version 1
  std::map<int32_t, std::vector<IcebergPartitionField>> partition_specs;
  int32_t default_spec_id = 0;
  std::vector<IcebergSnapshot> snapshots;
  std::optional<int64_t> current_snapshot_id;  // nullopt: the table is empty
  // How long snapshots of the branch main are kept: "max-snapshot-age-ms" and others.
  std::map<std::string, int64_t> main_retention;
  struct LogEntry {
    absl::Time time;
    int64_t snapshot_id = 0;
  };
  std::vector<LogEntry> snapshot_log;  // when each snapshot became current
  // Column id -> its names in files without field ids ("schema.name-mapping.default").
  std::map<int32_t, std::vector<std::string>> name_mapping;
  bool has_name_mapping = false;
};

// Parses the JSON text. InvalidArgument, naming the field, if it is not table metadata;
// Unimplemented for format versions above 2.
absl::StatusOr<IcebergMetadata> ParseIcebergMetadata(std::string_view json);
absl::StatusOr<IcebergMetadata> IcebergMetadataOf(const nlohmann::json& json);

struct SnapshotChoice {
  std::optional<int64_t> snapshot_id;  // at most one of the two is set
  std::optional<absl::Time> as_of;     // the snapshot that was current then
};

// The chosen snapshot, by default the current one; null if the table has none. NotFound, listing
// the snapshots, for a snapshot that does not exist or a time before the first one.
absl::StatusOr<const IcebergSnapshot*> ChooseSnapshot(const IcebergMetadata& metadata,
                                                      const SnapshotChoice& choice);

// The columns with their names at `snapshot` if it was chosen by id or time, else their current
// names.
absl::StatusOr<const IcebergSchema*> SchemaOf(const IcebergMetadata& metadata,
                                              const IcebergSnapshot* snapshot,
                                              const SnapshotChoice& choice);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_TABLE_METADATA_H_
