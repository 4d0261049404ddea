// Folders of table formats. Their files also hold rows that the table has deleted or replaced, so
// that whoever reads them as plain files reads rows that are not there.
#ifndef MILLRACE_IO_TABLE_FOLDER_H_
#define MILLRACE_IO_TABLE_FOLDER_H_

#include <string>
#include <string_view>
#include <utility>

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

// Both checks for a listing of `input`, as it goes on: ask it of each object and hidden name that
// is shown, before anything is done with it. One thread at a time.
class TableGuard {
 public:
  // `store` must outlive it. With `as_files` everything is taken.
  TableGuard(ObjectStore& store, std::string input, bool as_files)
      : store_(store), input_(std::move(input)), as_files_(as_files) {}

  absl::Status OnObject(const ObjectInfo& object);
  absl::Status OnHidden(std::string_view uri) const;

 private:
  ObjectStore& store_;
  const std::string input_;
  const bool as_files_;
  bool looked_ = false;  // at the input's folder
};

}  // namespace millrace

#endif  // MILLRACE_IO_TABLE_FOLDER_H_
