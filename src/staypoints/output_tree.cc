#include "staypoints/output_tree.h"

#include <utility>

#include "base/status.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<OutputTree>> OpenOutputTree(const std::string& output,
                                                           const std::string& temp_folder,
                                                           const StoreOptions& stores) {
  const std::string_view scheme = SchemeOf(output);
  if (scheme.empty() || scheme == "file") return OpenLocalOutputTree(output, temp_folder);
  ASSIGN_OR_RETURN(std::unique_ptr<ObjectStore> store, OpenStore(output, stores));
  return OpenBucketOutputTree(std::move(store), output, temp_folder);
}

}  // namespace millrace
