// Folders of table formats. Their files also hold rows that the table has deleted or replaced, so
// that whoever reads them as plain files reads rows that are not there.
#ifndef MILLRACE_IO_TABLE_FOLDER_H_
#define MILLRACE_IO_TABLE_FOLDER_H_

#include <string_view>

#include "io/object_store.h"

namespace millrace {

// InvalidArgument, saying which format it is and what to do, if the folder that `input` (a folder
// or glob) begins with is that of a Delta Lake, Apache Iceberg or Apache Hudi table, or lies in one
// as a partition. A folder that is not there or may not be listed is no table; other errors of
// listing are returned. Blocking: a few listings of one object.
absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input);

// The same for a name that a listing shows or leaves out as hidden, by the name alone: the log of a
// table somewhere below the input.
absl::Status RefuseTableLog(std::string_view uri);

}  // namespace millrace

#endif  // MILLRACE_IO_TABLE_FOLDER_H_
