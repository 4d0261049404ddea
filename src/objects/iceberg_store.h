// The data files of Iceberg tables as objects.
#ifndef MILLRACE_OBJECTS_ICEBERG_STORE_H_
#define MILLRACE_OBJECTS_ICEBERG_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/warnings.h"
#include "iceberg/table_metadata.h"
#include "iceberg/time_range.h"
#include "io/object_store.h"
#include "mapping/sources_config.h"
#include "objects/imported_files.h"
#include "stores/open_store.h"

namespace millrace {

// Which rows of a table are read; by default those of the current snapshot.
struct TableSelection {
  SnapshotChoice snapshot;
  TimeRange times;  // only rows with a time in it, if it is not open
  // The config entry of a table by its name (IcebergTableName()), which says which column is the
  // time; null if none matches. Called only if `times` is not open.
  std::function<std::shared_ptr<const SourceConfig>(std::string_view table)> entry_of;
  // The files of a table that were imported before: rows that the table has rewritten since are not
  // read again (objects/rewritten_files.h). Null: the files of the snapshot are read as they are.
  std::function<absl::StatusOr<ImportedFiles>(std::string_view table)> imported;
  Warnings* warnings = nullptr;  // may be null
};

// Lists "iceberg:TABLE": the data files of the snapshot, which have the names of iceberg_name.h,
// in the order in which the table got them. An opened file shows its rows as the table does: under
// the table's names of columns, without deleted rows (ObjectReader::table_rows()).
//
// The version of a data file is that of its store: deletes do not change it. Find() takes the name
// of a data file and reads the table's current metadata; a file that was not listed before is
// opened without deletes, so that each of its rows can be read by number. Errors name the table,
// the snapshot and the file, and are those of IcebergTable. Nothing can be created or removed.
std::unique_ptr<ObjectStore> NewIcebergStore(TableSelection selection, StoreOptions options);

// The store of an input: OpenStore(), or that of Iceberg tables for "iceberg:TABLE" and the names
// of data files.
absl::StatusOr<std::unique_ptr<ObjectStore>> OpenInputStore(std::string_view uri,
                                                            const StoreOptions& options,
                                                            TableSelection selection = {});

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_ICEBERG_STORE_H_
