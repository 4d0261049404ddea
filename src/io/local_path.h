// Paths of the local disk: from URIs, and resolved as the kernel does.
#ifndef MILLRACE_IO_LOCAL_PATH_H_
#define MILLRACE_IO_LOCAL_PATH_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace {

// The path of a file:// URI (RFC 8089), percent-decoded; any other text is a path already.
// InvalidArgument if the URI names a host.
absl::StatusOr<std::string> LocalPathOf(std::string_view uri);

// The absolute path without links, "." and "..", resolved as the kernel does: "a/link/.." is the
// parent of the link's target. The last names may not exist; then InvalidArgument if ".." follows
// one of them. InvalidArgument for a dangling link, NotFound if there is a file in place of a
// folder.
absl::StatusOr<std::string> ResolvePath(std::string_view path);

// True if `path` is `folder` or below it; both as ResolvePath() returns them.
bool IsWithin(std::string_view path, std::string_view folder);

}  // namespace millrace

#endif  // MILLRACE_IO_LOCAL_PATH_H_
