// Access to an output: a folder that is replaced passes its mode, group and access lists on to its
// replacement, because staypoints reveal where people live.
#ifndef MILLRACE_STAYPOINTS_FOLDER_ACCESS_H_
#define MILLRACE_STAYPOINTS_FOLDER_ACCESS_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

struct FolderAccess {
  mode_t mode = 0;  // permissions, set-user-ID, set-group-ID and sticky bits
  uid_t owner = 0;
  gid_t group = 0;
  std::string access_list;          // "system.posix_acl_access"; empty: none
  std::string default_access_list;  // "system.posix_acl_default"; empty: none

  friend bool operator==(const FolderAccess&, const FolderAccess&) = default;
};

// `folder`: an open directory; `path` names it in errors.
absl::StatusOr<FolderAccess> ReadFolderAccess(int folder, const std::string& path);

// Gives `folder` all of `access`. False if this process may not; then its access is unspecified.
bool SetFolderAccess(int folder, const FolderAccess& access);

// The modes of new files and folders below a folder of an output.
class EntryAccess {
 public:
  // New output: according to the umask and a default access list.
  EntryAccess() = default;
  // Below a folder with `access`: the same as the folder itself, except that the umask may remove
  // rights of others, and of the group unless the folder is set-group-ID. `plain_mode`: the mode
  // that a folder created with 0777 gets there, which reveals the umask.
  EntryAccess(const FolderAccess& access, mode_t plain_mode);

  mode_t folder_mode() const { return folder_mode_; }
  mode_t file_mode() const { return folder_mode_ & 0666; }
  // Sets the access of what was created with these modes at `path`, relative to the directory
  // `root`. A group that this process may not set is skipped: the folder above controls the access.
  absl::Status CompleteFolder(int root, const std::string& path) const;
  absl::Status CompleteFile(int file, const std::string& path) const;

 private:
  mode_t folder_mode_ = 0777;
  bool needs_mode_ = false;  // the umask removed required rights
  bool needs_owner_ = false;
  uid_t owner_ = static_cast<uid_t>(-1);  // -1: it is already the right one
  gid_t group_ = static_cast<gid_t>(-1);
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_FOLDER_ACCESS_H_
