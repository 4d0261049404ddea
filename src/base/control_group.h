// The control groups of this process, whose files limit what it may use.
#ifndef MILLRACE_BASE_CONTROL_GROUP_H_
#define MILLRACE_BASE_CONTROL_GROUP_H_

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// The folders of the groups of this process that `controller` ("memory") may limit, and of all
// groups above them, in the hierarchies of version 1 and 2. Some may not exist: in a container, the
// mount shows its own group as the root while the path is that of the host. `root`: the parent of
// /proc and /sys; "" except in tests.
std::vector<std::string> ControlGroupFolders(std::string_view controller,
                                             const std::string& root = "");

}  // namespace millrace

#endif  // MILLRACE_BASE_CONTROL_GROUP_H_
