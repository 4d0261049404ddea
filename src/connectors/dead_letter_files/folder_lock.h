// Lets one thread of one process at a time change the dead letters of a folder.
#ifndef MILLRACE_CONNECTORS_DEAD_LETTER_FILES_FOLDER_LOCK_H_
#define MILLRACE_CONNECTORS_DEAD_LETTER_FILES_FOLDER_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "io/file_descriptor.h"

namespace millrace {

// Held while it lives: files of the folder are appended to and replaced under it only, so that no
// process appends to a file that was replaced, or mistakes a line that is being written for a torn
// one. Readers need none. It ends with its process.
class FolderLock {
 public:
  // Waits for others. Creates the folder (0700) and its file ".lock" (0600) if they are missing.
  static absl::StatusOr<FolderLock> Take(const std::string& folder);

 private:
  explicit FolderLock(FileDescriptor file) : file_(std::move(file)) {}
  FileDescriptor file_;
};

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_FOLDER_LOCK_H_
