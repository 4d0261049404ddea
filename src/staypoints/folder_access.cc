#include "staypoints/folder_access.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr const char* kAccessList = "system.posix_acl_access";
constexpr const char* kDefaultAccessList = "system.posix_acl_default";
constexpr mode_t kModeBits = 07777;

// Empty if there is none, or the file system does not support them.
std::string Attribute(int folder, const char* name) {
  std::string value(4096, '\0');
  ssize_t size = ::fgetxattr(folder, name, value.data(), value.size());
  if (size < 0 && errno == ERANGE) {
    value.resize(XATTR_SIZE_MAX);
    size = ::fgetxattr(folder, name, value.data(), value.size());
  }
  value.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return value;
}

bool SetAttribute(int folder, const char* name, const std::string& value) {
  if (!value.empty()) return ::fsetxattr(folder, name, value.data(), value.size(), 0) == 0;
  return ::fremovexattr(folder, name) == 0 || errno == ENODATA || errno == EOPNOTSUPP;
}

}  // namespace

absl::StatusOr<FolderAccess> ReadFolderAccess(int folder, const std::string& path) {
  struct stat stat;
  if (::fstat(folder, &stat) != 0) return ErrnoStatus(errno, StrCat("reading the mode of ", path));
  return FolderAccess{stat.st_mode & kModeBits, stat.st_uid, stat.st_gid,
                      Attribute(folder, kAccessList), Attribute(folder, kDefaultAccessList)};
}

bool SetFolderAccess(int folder, const FolderAccess& access) {
  const absl::StatusOr<FolderAccess> now = ReadFolderAccess(folder, "");
  if (!now.ok()) return false;
  if (*now == access) return true;
  if ((now->owner != access.owner || now->group != access.group) &&
      ::fchown(folder, access.owner, access.group) != 0) {
    return false;
  }
  if (now->access_list != access.access_list &&
      !SetAttribute(folder, kAccessList, access.access_list)) {
    return false;
  }
  if (now->default_access_list != access.default_access_list &&
      !SetAttribute(folder, kDefaultAccessList, access.default_access_list)) {
    return false;
  }
  if (::fchmod(folder, access.mode) != 0) return false;
  // Without an error, the kernel drops a set-group-ID bit that this process may not set.
  const absl::StatusOr<FolderAccess> then = ReadFolderAccess(folder, "");
  return then.ok() && *then == access;
}

EntryAccess::EntryAccess(const FolderAccess& access, mode_t plain_mode) {
  const bool is_group_shared = (access.mode & S_ISGID) != 0;
  const mode_t kept = plain_mode | S_IRWXU | (is_group_shared ? S_IRWXG : 0);
  folder_mode_ = (access.mode & 0777 & kept) | (access.mode & S_ISGID);
  // A default access list determines by itself what entries get.
  needs_mode_ = access.default_access_list.empty() && (folder_mode_ & 0777 & ~plain_mode) != 0;
  if (::geteuid() == 0 && access.owner != 0) owner_ = access.owner;
  // Entries of a set-group-ID folder get its group from the kernel.
  if (!is_group_shared && access.group != ::getegid()) group_ = access.group;
  needs_owner_ = owner_ != static_cast<uid_t>(-1) || group_ != static_cast<gid_t>(-1);
}

absl::Status EntryAccess::CompleteFolder(int root, const std::string& path) const {
  if (needs_owner_ && ::fchownat(root, path.c_str(), owner_, group_, 0) != 0 && errno != EPERM) {
    return ErrnoStatus(errno, StrCat("setting the group of ", path));
  }
  if (needs_mode_ && ::fchmodat(root, path.c_str(), folder_mode_, 0) != 0) {
    return ErrnoStatus(errno, StrCat("setting the mode of ", path));
  }
  return absl::OkStatus();
}

absl::Status EntryAccess::CompleteFile(int file, const std::string& path) const {
  if (needs_owner_ && ::fchown(file, owner_, group_) != 0 && errno != EPERM) {
    return ErrnoStatus(errno, StrCat("setting the group of ", path));
  }
  if (needs_mode_ && ::fchmod(file, file_mode()) != 0) {
    return ErrnoStatus(errno, StrCat("setting the mode of ", path));
  }
  return absl::OkStatus();
}

}  // namespace millrace
