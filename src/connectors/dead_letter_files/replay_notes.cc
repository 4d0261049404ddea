#include "connectors/dead_letter_files/replay_notes.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/dead_letter_files/folder_lock.h"
#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

std::string AsLine(const ReplayNote& note, std::string_view time) {
  std::string line = StrCat("{\"row\":", note.row + 1, ",\"time\":\"", time, "\"");
  if (note.rejected_again) line += ",\"rejected_again\":true";
  if (!note.events.empty()) {
    line += ",\"events\":[";
    for (const std::string& event : note.events) StrAppend(&line, event, ",");
    line.back() = ']';
  }
  return line + "}\n";
}

std::optional<ReplayNote> Parse(std::string_view line) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const Json row = json.value("row", Json());
  const Json again = json.value("rejected_again", Json(false));
  const Json events = json.value("events", Json::array());
  if (!row.is_number_unsigned() || row == 0 || !again.is_boolean() || !events.is_array()) {
    return std::nullopt;
  }
  ReplayNote note{.row = row.get<uint64_t>() - 1, .rejected_again = again.get<bool>()};
  for (const Json& event : events) {
    note.events.push_back(event.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return note;
}

absl::Status AppendDurably(const std::string& path, std::string_view lines) {
  if (lines.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<AppendFile> file, OpenLines(path));
  RETURN_IF_ERROR(file->Append(lines));
  return file->Sync();
}

// The rows, counted from 0, that records are kept of in `path`.
absl::StatusOr<absl::flat_hash_set<uint64_t>> RowsOf(const std::string& path) {
  absl::flat_hash_set<uint64_t> rows;
  const absl::Status status =
      ForEachLine(path, kMaxRecordBytes, [&](std::string_view line, uint64_t) {
        if (const auto row = RowOfLine(line); row.ok() && *row > 0) rows.insert(*row - 1);
        return absl::OkStatus();
      });
  if (!absl::IsNotFound(status)) RETURN_IF_ERROR(status);
  return rows;
}

}  // namespace

absl::Status NoteReplayed(const std::string& folder, absl::Span<const ReplayNote> notes,
                          const RejectedAgain& again, absl::Time now) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
  std::map<LedgerKey, std::vector<const ReplayNote*>> notes_of;
  for (const ReplayNote& note : notes) notes_of[note.object].push_back(&note);
  for (const auto& [object, rejections] : again) notes_of[object];
  for (const auto& [object, of_object] : notes_of) {
    const std::string path = DeadLetterPath(folder, object);
    ASSIGN_OR_RETURN(const FolderLock folder_lock, FolderLock::Take(folder));
    ASSIGN_OR_RETURN(const auto rows, RowsOf(path));
    ByteBuffer records;
    if (const auto found = again.find(object); found != again.end()) {
      for (const Rejection& one : found->second) {
        if (rows.contains(one.source_row)) AppendDeadLetter(records, object, one, now);
      }
    }
    // New records first: until the older record of a row is marked as outdated, both are shown, but
    // replayed once.
    RETURN_IF_ERROR(AppendDurably(path, records.view()));
    std::string lines;
    for (const ReplayNote* note : of_object) {
      if (rows.contains(note->row)) lines += AsLine(*note, time);
    }
    RETURN_IF_ERROR(AppendDurably(ReplayedPath(path), lines));
  }
  return absl::OkStatus();
}

absl::Status ForEachReplayNote(const std::string& dead_letter_path,
                               const std::function<absl::Status(const ReplayNote&)>& visit) {
  const absl::Status status = ForEachLine(ReplayedPath(dead_letter_path), kMaxRecordBytes,
                                          [&](std::string_view line, uint64_t) {
                                            const std::optional<ReplayNote> note = Parse(line);
                                            return note ? visit(*note) : absl::OkStatus();
                                          });
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace millrace
