// New tables, and changes of tables, in the words of table metadata and of the REST catalog
// (Iceberg specification, "Table Metadata"; REST catalog OpenAPI, CommitTableRequest).
#ifndef MILLRACE_ICEBERG_TABLE_CHANGE_H_
#define MILLRACE_ICEBERG_TABLE_CHANGE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "iceberg/table_metadata.h"

namespace millrace {

// A table of version 2 without rows.
struct NewTable {
  std::vector<IcebergColumn> columns;
  std::optional<IcebergPartitionField> partition;
  std::map<std::string, std::string> properties;
};

struct NewSnapshot {
  int64_t id = 0;
  std::optional<int64_t> parent;
  int64_t sequence_number = 0;
  absl::Time time;
  std::string manifest_list;
  std::map<std::string, std::string> summary;  // with the operation
  int32_t schema_id = 0;
};

// What a commit changes; only one of them is set.
struct TableChange {
  std::vector<IcebergColumn> new_columns;  // added to the current schema
  std::optional<NewSnapshot> snapshot;     // becomes the current one of the branch main
};

// The first metadata file of a table at `location`.
std::string MetadataOf(const NewTable& table, std::string_view location, absl::Time now);
// CreateTableRequest.
std::string CreateRequestOf(const NewTable& table, std::string_view name);

// The next metadata file after `metadata`, which is in the file `metadata_file`. InvalidArgument:
// `metadata` is not that of a table.
absl::StatusOr<std::string> ChangedMetadata(std::string_view metadata,
                                            std::string_view metadata_file,
                                            const TableChange& change, absl::Time now);
// CommitTableRequest, with the requirements under which `change` may be made: nobody else has
// changed what it replaces.
absl::StatusOr<std::string> CommitRequestOf(const IcebergMetadata& metadata,
                                            const TableChange& change);

// A random id of a snapshot that `metadata` does not have.
int64_t NewSnapshotId(const IcebergMetadata& metadata);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_TABLE_CHANGE_H_
