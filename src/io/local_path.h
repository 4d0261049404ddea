// Paths of the local disk: as URIs name them, and as the kernel finds them.
#ifndef MILLRACE_IO_LOCAL_PATH_H_
#define MILLRACE_IO_LOCAL_PATH_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace {

// The path of a file:// URI (RFC 8089), percent-decoded; any other text is a path already.
// InvalidArgument if the URI names a host.
absl::StatusOr<std::string> LocalPathOf(std::string_view uri);

// The absolute path without links, "." and "..", found as the kernel finds it: "a/link/.." is the
// parent of what the link points to. The last names may be missing; then InvalidArgument if ".."
// follows one of them. InvalidArgument for a link that points to nothing, NotFound if a file stands
// where a folder is needed.
absl::StatusOr<std::string> ResolvePath(std::string_view path);

// True if `path` is `folder` or below it; both as ResolvePath() returns them.
bool IsWithin(std::string_view path, std::string_view folder);

}  // namespace millrace

#endif  // MILLRACE_IO_LOCAL_PATH_H_
