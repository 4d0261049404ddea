// The rows of a window on disk, as NDJSON in zstd frames.
#ifndef MILLRACE_EXPORT_WINDOW_FILE_H_
#define MILLRACE_EXPORT_WINDOW_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "base/hash.h"
#include "io/durable_file.h"
#include "io/zstd_encoder.h"

namespace millrace {

// Of compression: the file is read once or twice, so speed counts more than size.
inline constexpr int kWindowFileLevel = -4;

struct WindowFile {
  std::string path;
  std::string version;  // of its content
  uint64_t rows = 0;
};

// One thread at a time. If it is destroyed without Finish(), nothing remains.
class WindowFileWriter {
 public:
  // Several writers of one thread may share `encoder`, which outlives them.
  static absl::StatusOr<std::unique_ptr<WindowFileWriter>> Create(const std::string& path,
                                                                  ZstdEncoder& encoder);

  // `line` without a line end.
  absl::Status Append(std::string_view line);
  // Ok once the file is durable. The version is a hash of the rows, in their order.
  absl::StatusOr<WindowFile> Finish();

  uint64_t rows() const { return rows_; }

 private:
  WindowFileWriter(std::string path, std::unique_ptr<NewFile> file, ZstdEncoder& encoder);
  absl::Status Flush();

  const std::string path_;
  const std::unique_ptr<NewFile> file_;
  ZstdEncoder& encoder_;
  ByteBuffer plain_, compressed_;
  Hash128 hash_;  // of all blocks so far
  uint64_t rows_ = 0;
};

// Calls `on_row` with each row of the file, without its line end. An error of `on_row` ends it.
absl::Status ForEachRow(const std::string& path,
                        const std::function<absl::Status(std::string_view)>& on_row);

// Writes the rows of `parts`, one file after another, to the new file `to`, durably.
absl::StatusOr<WindowFile> JoinFiles(const std::vector<WindowFile>& parts, const std::string& to);

// Writes the rows of the file `from` for which `keep` is true to the new file `to`, durably.
// Returns the version of its content. DataLoss: `from` has another number of rows.
absl::StatusOr<std::string> CopyRows(const std::string& from, const std::vector<bool>& keep,
                                     const std::string& to);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_WINDOW_FILE_H_
