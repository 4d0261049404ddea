// Detects folders of table formats. Their files also contain rows that the table has deleted or
// replaced, so reading them as plain files gives wrong rows.
#ifndef MILLRACE_IO_TABLE_FOLDER_H_
#define MILLRACE_IO_TABLE_FOLDER_H_

#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "io/object_store.h"

namespace millrace {

// InvalidArgument, saying which format it is and what to do, if the folder that `input` (a folder
// or glob) begins with is that of a Delta Lake, Apache Iceberg or Apache Hudi table, or is inside
// one, at most TableGuard::kMaxAbove folders plus any partitions ("day=1", "2024") below it. A
// folder that does not exist or may not be listed does not count as a table, nor does an input that
// names one object; other listing errors are returned. Blocking: a few listings of one object for
// each folder.
absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input);

// The same for a name that a listing returns or skips as hidden, by the name alone: it detects the
// log of a table below the input.
absl::Status RefuseTableLog(std::string_view uri);

// Both checks during a listing of `input`: call it for each object and hidden name before using it.
// The folders of the objects, their parents and the targets of links are each checked once; of the
// partitions of a folder, only one is checked. One thread at a time.
class TableGuard {
 public:
  static constexpr int kMaxAbove = 4;  // folders above that of the input

  // `store` must outlive it. With `as_files` everything is accepted.
  TableGuard(ObjectStore& store, std::string input, bool as_files);

  absl::Status OnObject(const ObjectInfo& object);
  absl::Status OnHidden(std::string_view uri) const;

 private:
  friend absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input);

  absl::Status OnFolder(std::string_view folder);
  absl::Status Climb(std::string_view folder);

  ObjectStore& store_;
  const std::string input_;
  const bool as_files_;
  std::string root_;  // the listed folder, as in the names of its objects
  std::string last_;  // the folder of the previous object
  absl::flat_hash_set<std::string> asked_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_TABLE_FOLDER_H_
