// Checks the place of a local output: nothing, an empty folder or an earlier output. Anything else
// is rejected.
#ifndef MILLRACE_STAYPOINTS_OUTPUT_FOLDER_H_
#define MILLRACE_STAYPOINTS_OUTPUT_FOLDER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "staypoints/folder_access.h"

namespace millrace {

// Temporary folders inside an output have this name, followed by a dot and a suffix.
inline constexpr const char* kStagingInside = ".staypoints.millrace";

struct OutputFolder {
  bool exists = false;
  FolderAccess access = {};
  uint64_t staypoints = 0;  // of the earlier output; 0 if there is none or it is not complete
};

// Checks `path` and every name below it; never follows a link. FailedPrecondition if it contains
// anything that this command did not write, InvalidArgument if it is not a folder, PermissionDenied
// if this process may not write into it.
absl::StatusOr<OutputFolder> InspectOutputFolder(const std::string& path);

// True if the folder `path` cannot be replaced by another one: it is a mount point, or the current
// folder of this process and so of the shell that started it. FailedPrecondition if the current
// folder is further below, because it would be removed.
absl::StatusOr<bool> MustStayInPlace(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_OUTPUT_FOLDER_H_
