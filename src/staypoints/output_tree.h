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

// The file that says that the folder is whole and whose it is: JSON, written last.
inline constexpr std::string_view kMarkerName = "_SUCCESS";

// Thread-safe. Destroyed without Publish() it leaves things as they were.
class OutputTree {
 public:
  virtual ~OutputTree() = default;
  // Begins the file `path` ("p1=ab/p2=cd/data.parquet"); folders are made as needed.
  virtual absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(const std::string& path) = 0;
  // When all files are finished: puts `marker` beside them and makes the whole appear, in place of
  // what an earlier run wrote.
  virtual absl::Status Publish(std::string_view marker) = 0;
  // A folder on this machine for temporary files, which goes with the tree.
  virtual const std::string& scratch_folder() const = 0;
};

// Local folders are built in a hidden folder beside `output` and put in its place by one rename.
// FailedPrecondition if `output` is there, not empty and without a marker: nothing that this
// program did not write is ever replaced. What killed runs left there is removed.
// `temp_folder`: where temporary files go; empty: beside the output.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenLocalOutputTree(const std::string& output,
                                                                const std::string& temp_folder);

// Objects below the prefix `output` of `store`, which are whole while the marker is there: it goes
// before the first one is replaced and comes back last. FailedPrecondition as above; what killed
// runs left there is replaced. Temporary files go to `temp_folder`, by default the system's.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenBucketOutputTree(std::unique_ptr<ObjectStore> store,
                                                                 std::string output,
                                                                 const std::string& temp_folder);

// The one of these that `output` needs: a path or file://, or gs://, s3://, az:// by `stores`.
absl::StatusOr<std::unique_ptr<OutputTree>> OpenOutputTree(const std::string& output,
                                                           const std::string& temp_folder,
                                                           const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_TREE_H_
