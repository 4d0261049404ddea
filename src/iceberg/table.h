// Reads an Iceberg table through its metadata: the files of a snapshot, and which of their rows
// count.
#ifndef MILLRACE_ICEBERG_TABLE_H_
#define MILLRACE_ICEBERG_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "iceberg/row_deletes.h"
#include "iceberg/table_files.h"
#include "iceberg/table_metadata.h"
#include "iceberg/time_range.h"

namespace millrace {

// One data file of a snapshot (Parquet) and the rows of it that do not count.
struct IcebergFile {
  StoredObject object;
  std::string path;         // as in the table
  int64_t snapshot_id = 0;  // that added it; 0: not known
  uint64_t rows = 0;        // as in the table
  int64_t sequence_number = 0;
  // If set, the file has no field ids, and this is its name mapping: column id -> name in the file.
  // Columns that are not in it are null. If not set, ids are those of the fields.
  std::shared_ptr<const std::map<int32_t, std::string>> mapped_names;
  std::shared_ptr<const std::vector<uint64_t>> deleted_rows;  // ascending; null: none
  // Rows that any of them drops for sequence_number do not count.
  std::vector<std::shared_ptr<const EqualityDeletes>> equality_deletes;
  // The table's statistics show that all its rows are in the range of the plan.
  bool is_inside_range = false;
};

struct IcebergPlan {
  std::vector<IcebergFile> files;  // in the order of the manifests
  uint64_t skipped_manifests = 0;  // that cannot contain rows of the time range
  uint64_t skipped_files = 0;
};

struct IcebergPlanOptions {
  // Files without rows in the range may be left out; other files may still contain rows outside it.
  std::optional<TimeRange> range;
  int32_t range_column = 0;  // its id
};

// The paths of the data files that one snapshot added to a table and removed from it.
struct IcebergChanges {
  std::vector<std::string> added;
  std::vector<std::string> removed;
};

// The column of that name. InvalidArgument, naming `table` and its columns, if there is none.
absl::StatusOr<const IcebergColumn*> FindColumn(const IcebergSchema& schema, std::string_view name,
                                                std::string_view table);

// InvalidArgument, naming `table`, unless `column` can be compared with a TimeRange.
absl::Status CheckTimestamp(const IcebergColumn& column, std::string_view table);

// One snapshot of a table. Thread-compatible.
class IcebergTable {
 public:
  // Opens a table by its folder or by a metadata file (*.metadata.json, also gzip). In a folder,
  // the current metadata is the file that metadata/version-hint.text names (or newer versions that
  // follow it without a gap), else the *.metadata.json of the highest version; InvalidArgument if
  // two have that version. Other statuses from ParseIcebergMetadata, ChooseSnapshot and the store;
  // each names the table.
  static absl::StatusOr<IcebergTable> Open(StoreFor store_for, const std::string& path,
                                           const SnapshotChoice& choice);

  const IcebergMetadata& metadata() const { return metadata_; }
  const std::string& metadata_uri() const { return metadata_uri_; }
  // Null if the table is empty.
  const IcebergSnapshot* snapshot() const { return snapshot_; }
  const IcebergSchema& schema() const { return *schema_; }
  // Where the table was found: the folder above that of the metadata file, or the file's own if
  // that is not called "metadata".
  std::string folder() const;

  // Finds every data file of the snapshot and reads its delete files. NotFound for a file that the
  // table lists and that does not exist; DataLoss if a file is damaged, or its size differs from
  // the table's; Unimplemented for data that is not Parquet, and deletion vectors;
  // ResourceExhausted above 5,000,000 files.
  absl::StatusOr<IcebergPlan> PlanFiles(const IcebergPlanOptions& options);

  // What `snapshot` of the table changed. Removed files without rows in the range of `options` may
  // be left out. NotFound if its metadata is gone; others as of PlanFiles().
  absl::StatusOr<IcebergChanges> ChangesOf(const IcebergSnapshot& snapshot,
                                           const IcebergPlanOptions& options);

  // A data file of any snapshot, without its deletes, the number of its rows and of its commit.
  absl::StatusOr<IcebergFile> FileWithoutDeletes(StoredObject object) const;

 private:
  IcebergTable() = default;
  std::string ContextOf(const IcebergSnapshot& snapshot) const;

  // Pointers, so that the table can be moved.
  std::unique_ptr<TableFiles> files_;
  std::string metadata_uri_;
  IcebergMetadata metadata_;
  const IcebergSnapshot* snapshot_ = nullptr;
  const IcebergSchema* schema_ = nullptr;
};

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_TABLE_H_
