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

// Replaces `path` by `content`: write beside it, sync, rename, sync the folder. All or nothing.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// The whole file; ResourceExhausted if it is larger than `most` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t most = 64 << 20);

}  // namespace millrace

#endif  // MILLRACE_IO_DURABLE_FILE_H_
