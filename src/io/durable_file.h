// Files whose content survives a crash of the machine after the call reports success.
#ifndef MILLRACE_IO_DURABLE_FILE_H_
#define MILLRACE_IO_DURABLE_FILE_H_

#include <memory>
#include <stop_token>
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
  // Ok once everything appended is on stable storage (fdatasync).
  virtual absl::Status Sync() = 0;
};

// Opens `path` for appending, creating it (mode 0600) and its folders (0700), and makes the
// directory entry durable. ResourceExhausted names the path when the disk is full.
absl::StatusOr<std::unique_ptr<AppendFile>> OpenAppendFile(const std::string& path);

// A file that appears complete or not at all. One thread at a time.
class NewFile {
 public:
  virtual ~NewFile() = default;  // removes an uncommitted file, and folders created for it
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Ok once the file is on stable storage and has replaced any file of its name. Called once, last.
  virtual absl::Status Commit() = 0;
};

// Who may read new files and folders; the process's umask applies.
enum class FileAudience { kOwner, kEveryone };

// Begins the file `path` under a hidden name beside it; creates missing folders.
absl::StatusOr<std::unique_ptr<NewFile>> CreateNewFile(const std::string& path,
                                                       FileAudience audience);

// Replaces `path` by `content`, readable only by the owner. All or nothing.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// Creates the file `path` with this content, and missing folders, if there is none. AlreadyExists:
// there is one; it is durable too if this function made it. FailedPrecondition: the file system has
// no hard links, which this needs.
absl::Status CreateFileIfAbsent(const std::string& path, std::string_view content,
                                FileAudience audience);

// Ok once the regular file `from`, with its content, has the name `to`, and has replaced any file
// of that name; durable. Creates missing folders. NotFound: there is no `from`; if an earlier call
// moved it, that is durable. InvalidArgument: `from` is not a regular file, or `to` is on another
// file system. FailedPrecondition: both are hard links to one file.
absl::Status MoveFile(const std::string& from, const std::string& to);

// Ok once there is no file `path`; durable.
absl::Status RemoveFile(const std::string& path);

// The whole file; ResourceExhausted if it is larger than `max` bytes. A pipe is read until its
// writers have closed it. Cancelled: `stop` was requested while that was awaited.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t max = 64 << 20,
                                          const std::stop_token& stop = {});

}  // namespace millrace

#endif  // MILLRACE_IO_DURABLE_FILE_H_
