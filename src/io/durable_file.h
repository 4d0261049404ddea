// Files whose content survives a crash of the machine once the call says so.
#ifndef MILLRACE_IO_DURABLE_FILE_H_
#define MILLRACE_IO_DURABLE_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// A file that is only appended to. One thread at a time. Tests wrap it to lose unsynced bytes.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Ok once all that was appended is on stable storage (fdatasync).
  virtual absl::Status Sync() = 0;
};

// Opens `path` for appending, creating it (mode 0600) and its folders (0700), and makes the
// directory entry durable. ResourceExhausted names the path when the disk is full.
absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path);

// A file that appears whole or not at all. One thread at a time.
class NewFile {
 public:
  virtual ~NewFile() = default;  // removes what was not committed, and folders made for it
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Ok once the file is in place of any that had its name, on stable storage. Called once, last.
  virtual absl::Status Commit() = 0;
};

// Who may read what is made; the process's umask applies.
enum class FileAudience { kOwner, kEveryone };

// Begins the file `path` under a hidden name beside it, making folders that are missing.
absl::StatusOr<std::unique_ptr<NewFile>> CreateNewFile(const std::string& path,
                                                       FileAudience audience);

// Replaces `path` by `content`, for the owner alone. All or nothing.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// Ok once there is no file `path`; durable.
absl::Status RemoveFile(const std::string& path);

// The whole file; ResourceExhausted if it is larger than `most` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t max = 64 << 20);

}  // namespace millrace

#endif  // MILLRACE_IO_DURABLE_FILE_H_
