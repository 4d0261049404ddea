#include "base/control_group.h"

#include <algorithm>
#include <fstream>

#include "base/strings.h"

namespace millrace {
namespace {

bool Has(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    const std::string_view name = controllers.substr(0, controllers.find(','));
    if (name == controller) return true;
    controllers.remove_prefix(std::min(name.size() + 1, controllers.size()));
  }
  return false;
}

// `group` ("/a/b") and all above it, below `mount`.
void AddGroups(const std::string& mount, std::string group, std::vector<std::string>& folders) {
  if (group.find("/..") != group.npos) group.clear();  // outside of what the mount shows
  for (;;) {
    while (group.ends_with('/')) group.pop_back();
    folders.push_back(mount + group);
    if (group.empty()) return;
    group.resize(group.rfind('/') + 1);
  }
}

}  // namespace

std::vector<std::string> ControlGroupFolders(std::string_view controller, const std::string& root) {
  std::string unified, own;
  // "<number>:<controllers>:<group>"; version 2 has the number 0 and no controllers.
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) unified = line.substr(second + 1);
    if (Has(controllers, controller)) own = line.substr(second + 1);
  }
  std::vector<std::string> folders;
  AddGroups(root + "/sys/fs/cgroup", unified, folders);
  AddGroups(StrCat(root, "/sys/fs/cgroup/", controller), own, folders);
  return folders;
}

}  // namespace millrace
