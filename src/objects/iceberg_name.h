// The names of the data files of Iceberg tables in listings, ledgers and dead letters:
//
//   iceberg:FOLDER/#FILE[?since=TIME&until=TIME]
//
// FOLDER is where the table is, FILE a path below it or the uri of a file elsewhere. The times name
// the rows of the file that are in a time range, if others are not.
#ifndef MILLRACE_OBJECTS_ICEBERG_NAME_H_
#define MILLRACE_OBJECTS_ICEBERG_NAME_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "iceberg/time_range.h"

namespace millrace {

// True for "iceberg:TABLE", and for names of data files.
bool IsIcebergName(std::string_view uri);

// InvalidArgument if one of `inputs` is a table; `verb` is told to use import instead.
absl::Status RefuseIcebergInputs(absl::Span<const std::string> inputs, std::string_view verb);

// "iceberg:FOLDER/": what the names of all files of a table begin with, except for "#", and what
// entries of a config are compared with. InvalidArgument if no name can have that folder.
absl::StatusOr<std::string> IcebergTableName(std::string_view folder);

// `file` is the uri of a data file, `range` the rows of it (open: all).
std::string IcebergFileName(std::string_view folder, std::string_view file, const TimeRange& range);

struct IcebergFileParts {
  std::string folder;
  std::string file;
};
// InvalidArgument if `name` is not the name of a data file.
absl::StatusOr<IcebergFileParts> ParseIcebergFileName(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_ICEBERG_NAME_H_
