// Who may read an output: a folder that is replaced passes its mode, group and access lists on to
// what takes its place, since staypoints say where people live.
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

// Gives `folder` all of `access`. False if this process may not; then what it has is unspecified.
bool SetFolderAccess(int folder, const FolderAccess& access);

// How files and folders are made below a folder of an output.
class EntryAccess {
 public:
  // New output: as the umask, and a default access list, have it.
  EntryAccess() = default;
  // Below a folder with `access`: as the folder itself, except that the umask may take rights away
  // from others, and from the group unless the folder is set-group-ID. `plain_mode`: what a folder
  // of mode 0777 gets there, which tells the umask.
  EntryAccess(const FolderAccess& access, mode_t plain_mode);

  mode_t folder_mode() const { return folder_mode_; }
  mode_t file_mode() const { return folder_mode_ & 0666; }
  // Completes what was made with these modes at `path`, relative to the directory `root`. A group
  // that this process may not give is left out: the folder above decides who gets there.
  absl::Status CompleteFolder(int root, const std::string& path) const;
  absl::Status CompleteFile(int file, const std::string& path) const;

 private:
  mode_t folder_mode_ = 0777;
  bool needs_mode_ = false;  // the umask took away what should be there
  bool needs_owner_ = false;
  uid_t owner_ = static_cast<uid_t>(-1);  // -1: it is the right one already
  gid_t group_ = static_cast<gid_t>(-1);
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_FOLDER_ACCESS_H_
