#include "connectors/dead_letter_files/dead_letter_reader.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/dead_letter_files/row_lines.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".ndjson";

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

absl::StatusOr<DeadLetterRecord> ParseLine(std::string_view line) {
  if (line.size() > kMaxRecordBytes) return absl::DataLossError("the line is too long");
  return ParseDeadLetter(line);
}

// What replays did with the rows of one file.
class Replays {
 public:
  static absl::StatusOr<Replays> Read(const std::string& path) {
    Replays replays;
    RETURN_IF_ERROR(ForEachReplayNote(path, [&](const ReplayNote& note) {
      if (note.rejected_again) {
        replays.records_left_[note.row] = 0;
      } else {
        replays.done_.insert(note.row);
      }
      return absl::OkStatus();
    }));
    if (!replays.records_left_.empty()) RETURN_IF_ERROR(replays.CountRecords(path));
    return replays;
  }

  bool Done(uint64_t row) const { return done_.contains(row); }

  // Called once for each record: whether a newer one of its row follows.
  bool IsOutOfDate(uint64_t row) {
    const auto left = records_left_.find(row);
    return left != records_left_.end() && left->second > 0 && --left->second > 0;
  }

 private:
  absl::Status CountRecords(const std::string& path) {
    return ForEachLine(path, kMaxRecordBytes, [&](std::string_view line, uint64_t) {
      const absl::StatusOr<DeadLetterRecord> record = ParseLine(line);
      if (!record.ok()) return absl::OkStatus();
      const auto left = records_left_.find(record->rejection.source_row);
      if (left != records_left_.end()) ++left->second;
      return absl::OkStatus();
    });
  }

  absl::flat_hash_set<uint64_t> done_;
  absl::flat_hash_map<uint64_t, uint64_t> records_left_;  // of rows that were rejected again
};

}  // namespace

bool DeadLetterFilter::Fits(const DeadLetterRecord& record) const {
  return (code.empty() || record.rejection.code == code) &&
         record.object.object.starts_with(object) && record.time >= since &&
         (id.empty() || record.id() == id);
}

absl::StatusOr<DeadLetterScan> ScanDeadLetters(
    const std::string& folder, const DeadLetterFilter& filter,
    const std::function<absl::Status(const DeadLetterRecord&, bool replayed)>& visit) {
  DeadLetterScan scan;
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFiles(folder, filter));
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(Replays replays, Replays::Read(path));
    RETURN_IF_ERROR(ForEachLine(
        path, kMaxRecordBytes, [&](std::string_view line, uint64_t number) -> absl::Status {
          const absl::StatusOr<DeadLetterRecord> record = ParseLine(line);
          if (!record.ok()) {
            if (++scan.damaged == 1) {
              scan.first_damaged = StrCat(path, ":", number, ": ", record.status().message());
            }
            return absl::OkStatus();
          }
          const uint64_t row = record->rejection.source_row;
          if (replays.IsOutOfDate(row) || !filter.Fits(*record)) return absl::OkStatus();
          const bool replayed = replays.Done(row);
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

}  // namespace millrace
