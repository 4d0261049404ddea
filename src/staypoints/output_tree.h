// A folder of output that appears as a whole or not at all, on disk or in a bucket.
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

// Thread-safe. If it is destroyed without Publish(), the existing output stays unchanged as far as
// the storage permits.
class OutputTree {
 public:
  virtual ~OutputTree() = default;
  // Begins the file `path` ("p1=ab/p2=cd/data.parquet"); folders are created as needed.
  virtual absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) = 0;
  // Called when all files are finished: adds `marker` and makes the whole appear, replacing the
  // output of an earlier run. FailedPrecondition, and nothing is replaced, if something that this
  // command did not write has appeared there since the tree was opened.
  virtual absl::Status Publish(std::string_view marker) = 0;
  // A local folder for temporary files, which is removed with the tree.
  virtual const std::string& scratch_folder() const = 0;
  // Staypoints of the complete output that Publish() would replace.
  virtual uint64_t replaced_staypoints() const = 0;
};

// Local folders are built in a hidden folder next to `output`, a path or file:// URI, and put in
// place by one rename. A folder that cannot be renamed (a mount point, the current folder, one
// whose owner or parent this process may not set or write) is built in a hidden folder inside it
// and filled in place: the marker is removed before the first file is replaced, "_UNFINISHED"
// replaces it meanwhile, and it is written last. An existing folder keeps its mode, group and
// access lists. FailedPrecondition if `output` contains anything that this command did not write;
// PermissionDenied if the output could not be put there. The remains of killed runs are removed.
// `temp_folder`: where temporary files go; empty: next to the output.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenLocalOutputTree(const std::string& output,
                                                                const std::string& temp_folder);

// Objects below the prefix `output` of `store`, which are complete while the marker exists, as in
// folders that are filled in place. FailedPrecondition as above; the remains of killed runs are
// replaced. Temporary files go to `temp_folder`, by default the system's.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenBucketOutputTree(std::unique_ptr<ObjectStore> store,
                                                                 std::string output,
                                                                 const std::string& temp_folder);

// The one of these for `output`: a path or file://, or gs://, s3://, az:// with `stores`.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenOutputTree(const std::string& output,
                                                           const std::string& temp_folder,
                                                           const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_TREE_H_
