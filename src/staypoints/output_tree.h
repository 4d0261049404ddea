// A folder of output that appears whole or not at all, on disk or in a bucket.
#ifndef MILLRACE_STAYPOINTS_OUTPUT_TREE_H_
#define MILLRACE_STAYPOINTS_OUTPUT_TREE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/object_store.h"
#include "stores/open_store.h"

namespace millrace {

// Thread-safe. Destroyed without Publish() it leaves things as they were, as far as the place has a
// way to do so.
class OutputTree {
 public:
  virtual ~OutputTree() = default;
  // Begins the file `path` ("p1=ab/p2=cd/data.parquet"); folders are made as needed.
  virtual absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) = 0;
  // When all files are finished: puts `marker` beside them and makes the whole appear, in place of
  // what an earlier run wrote. FailedPrecondition, and nothing is replaced, if something that this
  // command did not write has appeared there since the tree was opened.
  virtual absl::Status Publish(std::string_view marker) = 0;
  // A folder on this machine for temporary files, which goes with the tree.
  virtual const std::string& scratch_folder() const = 0;
  // Staypoints of the complete output that Publish() would replace.
  virtual uint64_t replaced_staypoints() const = 0;
};

// Local folders are built in a hidden folder beside `output`, a path or file:// URI, and put in its
// place by one rename. A folder that cannot be renamed (a mount point, the current folder, one
// whose owner or parent this process may not set or write) is built in a hidden folder inside of it
// and filled in place: the marker goes before the first file is replaced, "_UNFINISHED" stands for
// it meanwhile, and it comes back last. An existing folder keeps its mode, group and access lists.
// FailedPrecondition if `output` holds anything that this command did not write; PermissionDenied
// if it could not be put there. What killed runs left there is removed.
// `temp_folder`: where temporary files go; empty: beside the output.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenLocalOutputTree(const std::string& output,
                                                                const std::string& temp_folder);

// Objects below the prefix `output` of `store`, which are complete while the marker is there, as
// in folders that are filled in place. FailedPrecondition as above; what killed runs left there is
// replaced. Temporary files go to `temp_folder`, by default the system's.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenBucketOutputTree(std::unique_ptr<ObjectStore> store,
                                                                 std::string output,
                                                                 const std::string& temp_folder);

// The one of these that `output` needs: a path or file://, or gs://, s3://, az:// by `stores`.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenOutputTree(const std::string& output,
                                                           const std::string& temp_folder,
                                                           const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_TREE_H_
