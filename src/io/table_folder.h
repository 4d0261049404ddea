// Folders of table formats. Their files also hold rows that the table has deleted or replaced, so
// that whoever reads them as plain files reads rows that are not there.
#ifndef MILLRACE_IO_TABLE_FOLDER_H_
#define MILLRACE_IO_TABLE_FOLDER_H_

#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "io/object_store.h"

namespace millrace {

// InvalidArgument, saying which format it is and what to do, if the folder that `input` (a folder
// or glob) begins with is that of a Delta Lake, Apache Iceberg or Apache Hudi table, or lies in
// one, at most TableGuard::kMaxAbove folders and any partitions ("day=1", "2024") below it. A
// folder that is not there or may not be listed is no table, nor is an input that names one object;
// other errors of listing are returned. Blocking: a few listings of one object for each folder.
absl::Status RefuseTableFolder(ObjectStore& store, std::string_view input);

// The same for a name that a listing shows or leaves out as hidden, by the name alone: the log of a
// table somewhere below the input.
absl::Status RefuseTableLog(std::string_view uri);

// Both checks for a listing of `input`, as it goes on: ask it of each object and hidden name that
// is shown, before anything is done with it. The folders of the objects, those above them and those
// that links lead to are each looked at once; of the partitions of a folder, one stands for all.
// One thread at a time.
class TableGuard {
 public:
  static constexpr int kMaxAbove = 4;  // folders above that of the input

  // `store` must outlive it. With `as_files` everything is taken.
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
  std::string root_;  // the folder that is listed, as its objects name it
  std::string last_;  // the folder of the object before
  absl::flat_hash_set<std::string> asked_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_TABLE_FOLDER_H_
