#include "connectors/disk/dead_letter_reader.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/disk/disk_dead_letter.h"
#include "connectors/disk/row_lines.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".ndjson";
constexpr size_t kMostNoteBytes = 4 << 10;

absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& folder,
                                                   const DeadLetterFilter& filter) {
  std::vector<std::string> paths;
  std::error_code error;
  // An id names its file.
  const std::string end =
      filter.id.empty() ? kSuffix : StrCat("-", filter.id.substr(0, filter.id.rfind('-')), kSuffix);
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string path = entries->path().string();
    if (path.ends_with(end)) paths.push_back(path);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoStatus(error.value(), StrCat("listing ", folder));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Rows, counted from 1, of which the notes say that they were replayed.
absl::StatusOr<absl::flat_hash_set<uint64_t>> ReadReplayed(const std::string& path) {
  absl::flat_hash_set<uint64_t> rows;
  const absl::Status status =
      ForEachLine(path, kMostNoteBytes, [&](std::string_view line, uint64_t) {
        const absl::StatusOr<uint64_t> row = RowOfLine(line);
        if (row.ok()) rows.insert(*row);
        return absl::OkStatus();
      });
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  return rows;
}

bool Fits(const DeadLetterRecord& record, const DeadLetterFilter& filter) {
  return (filter.code.empty() || record.rejection.code == filter.code) &&
         record.object.object.starts_with(filter.object) && record.time >= filter.since &&
         (filter.id.empty() || record.id() == filter.id);
}

absl::StatusOr<DeadLetterRecord> ParseLine(std::string_view line) {
  if (line.size() > kMostRecordBytes) return absl::DataLossError("the line is too long");
  return ParseDeadLetter(line);
}

}  // namespace

absl::StatusOr<DeadLetterScan> ScanDeadLetters(
    const std::string& folder, const DeadLetterFilter& filter,
    const std::function<absl::Status(const DeadLetterRecord&, bool replayed)>& visit) {
  DeadLetterScan scan;
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFiles(folder, filter));
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const absl::flat_hash_set<uint64_t> replayed_rows,
                     ReadReplayed(ReplayedPath(path)));
    RETURN_IF_ERROR(ForEachLine(
        path, kMostRecordBytes, [&](std::string_view line, uint64_t number) -> absl::Status {
          const absl::StatusOr<DeadLetterRecord> record = ParseLine(line);
          if (!record.ok()) {
            if (++scan.damaged == 1) {
              scan.first_damaged = StrCat(path, ":", number, ": ", record.status().message());
            }
            return absl::OkStatus();
          }
          if (!Fits(*record, filter)) return absl::OkStatus();
          const bool replayed = replayed_rows.contains(record->rejection.source_row + 1);
          if (replayed && !filter.with_replayed) {
            ++scan.replayed;
            return absl::OkStatus();
          }
          ++scan.records;
          return visit(*record, replayed);
        }));
  }
  return scan;
}

absl::StatusOr<std::map<std::string, uint64_t>> CountDeadLetters(const std::string& folder,
                                                                 const DeadLetterFilter& filter) {
  std::map<std::string, uint64_t> counts;
  RETURN_IF_ERROR(ScanDeadLetters(folder, filter, [&](const DeadLetterRecord& record, bool) {
                    ++counts[record.rejection.code];
                    return absl::OkStatus();
                  }).status());
  return counts;
}

absl::Status MarkReplayed(const std::string& folder, absl::Span<const DeadLetterRecord> records,
                          absl::Time now) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
  std::map<std::string, ByteBuffer> notes;
  for (const DeadLetterRecord& record : records) {
    ByteBuffer& note = notes[ReplayedPath(DeadLetterPath(folder, record.object))];
    note.Append("{\"row\":");
    AppendJsonUint(note, record.rejection.source_row + 1);
    note.Append(",\"time\":\"");
    note.Append(time);
    note.Append("\"}\n");
  }
  for (const auto& [path, note] : notes) {
    ASSIGN_OR_RETURN(const std::unique_ptr<AppendFile> file, OpenLines(path));
    RETURN_IF_ERROR(file->Append(note.view()));
    RETURN_IF_ERROR(file->Sync());
  }
  return absl::OkStatus();
}

}  // namespace millrace
