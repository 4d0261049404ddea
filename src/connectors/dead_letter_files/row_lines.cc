#include "connectors/dead_letter_files/row_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {
namespace {

constexpr size_t kBlock = 256 << 10;

absl::StatusOr<FileDescriptor> OpenForReading(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, StrCat("opening ", path));
  return file;
}

absl::StatusOr<bool> EndsTorn(const std::string& path) {
  const absl::StatusOr<FileDescriptor> file = OpenForReading(path);
  if (absl::IsNotFound(file.status())) return false;
  RETURN_IF_ERROR(file.status());
  struct stat stat;
  char last = '\n';
  if (::fstat(file->get(), &stat) != 0 ||
      (stat.st_size > 0 && ::pread(file->get(), &last, 1, stat.st_size - 1) != 1)) {
    return ErrnoStatus(errno, StrCat("reading ", path));
  }
  return last != '\n';
}

// Whether a line is of the rows that DropRows() removes.
bool IsWithin(std::string_view line, uint64_t begin, uint64_t end) {
  const absl::StatusOr<uint64_t> row = RowOfLine(line);
  return row.ok() && *row > begin && *row <= end;
}

absl::StatusOr<bool> HasRow(const std::string& path, uint64_t begin, uint64_t end) {
  bool has = false;
  const absl::Status status =
      ForEachLine(path, kMaxRecordBytes, [&](std::string_view line, uint64_t) {
        has = has || IsWithin(line, begin, end);
        return absl::OkStatus();
      });
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return has;
}

// Writes the remaining lines to a new file, syncs it and replaces the file with it.
absl::Status Rewrite(const std::string& path, uint64_t begin, uint64_t end) {
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, OpenAppendFile(beside));
  ByteBuffer kept;
  RETURN_IF_ERROR(
      ForEachLine(path, kMaxRecordBytes, [&](std::string_view line, uint64_t) -> absl::Status {
        if (IsWithin(line, begin, end)) return absl::OkStatus();
        kept.Append(line);
        kept.Append('\n');
        if (kept.size() < kBlock) return absl::OkStatus();
        const absl::Status status = file->Append(kept.view());
        kept.clear();
        return status;
      }));
  RETURN_IF_ERROR(file->Append(kept.view()));
  RETURN_IF_ERROR(file->Sync());
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, StrCat("replacing ", path));
  }
  return OpenAppendFile(path).status();  // makes the new directory entry durable
}

}  // namespace

absl::Status ForEachLine(const std::string& path, size_t max,
                         const std::function<absl::Status(std::string_view, uint64_t)>& visit) {
  ASSIGN_OR_RETURN(const FileDescriptor file, OpenForReading(path));
  std::vector<char> block(kBlock);
  std::string begun;  // of a line that continues in the next block
  uint64_t number = 0;
  for (;;) {
    const ssize_t size = ::read(file.get(), block.data(), block.size());
    if (size == 0) return absl::OkStatus();
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, StrCat("reading ", path));
    std::string_view rest(block.data(), static_cast<size_t>(size));
    for (size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      std::string_view line = rest.substr(0, end);
      if (!begun.empty()) {
        begun.append(line.substr(0, max + 1 - std::min(max + 1, begun.size())));
        line = begun;
      }
      RETURN_IF_ERROR(visit(line.substr(0, max + 1), ++number));
      begun.clear();
    }
    begun.append(rest.substr(0, max + 1 - std::min(max + 1, begun.size())));
  }
}

absl::StatusOr<uint64_t> RowOfLine(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    const auto row = json.find("row");
    if (row != json.end() && row->is_number_unsigned()) return row->get<uint64_t>();
  }
  return absl::DataLossError("the line has no row");
}

absl::StatusOr<std::unique_ptr<AppendFile>> OpenLines(const std::string& path) {
  ASSIGN_OR_RETURN(const bool torn, EndsTorn(path));
  if (torn) RETURN_IF_ERROR(Rewrite(path, 0, 0));
  return OpenAppendFile(path);
}

absl::Status DropRows(const std::string& path, uint64_t begin, uint64_t end) {
  ASSIGN_OR_RETURN(const bool torn, EndsTorn(path));
  ASSIGN_OR_RETURN(const bool has_row, HasRow(path, begin, end));
  if (!torn && !has_row) return absl::OkStatus();
  return Rewrite(path, begin, end);
}

}  // namespace millrace
