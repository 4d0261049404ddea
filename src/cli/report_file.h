// A file that a verb writes in addition to its result, for --report.
#ifndef MILLRACE_CLI_REPORT_FILE_H_
#define MILLRACE_CLI_REPORT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace::cli {

class ReportFile {
 public:
  // Finds out how `path` can be written, and changes nothing. A file is replaced as a whole, and
  // keeps its mode and group; a link remains a link; devices and pipes are written to, as are files
  // in folders that are not writable. InvalidArgument for folders, block devices, sockets and links
  // to nothing; NotFound or PermissionDenied if it could not be written.
  static absl::StatusOr<ReportFile> Find(const std::string& path);

  // Blocks while a pipe has no reader.
  absl::Status Write(std::string_view content) const;

 private:
  ReportFile(std::string path, bool is_replaced)
      : path_(std::move(path)), is_replaced_(is_replaced) {}

  static absl::StatusOr<ReportFile> FindRegular(const std::string& path);
  absl::Status Replace(std::string_view content) const;
  absl::Status WriteInto(std::string_view content) const;

  std::string path_;
  bool is_replaced_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_REPORT_FILE_H_
