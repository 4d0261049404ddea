#include "connectors/disk/replay_notes.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/disk/disk_dead_letter.h"
#include "connectors/disk/row_lines.h"
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

}  // namespace

absl::Status NoteReplayed(const std::string& folder, absl::Span<const ReplayNote> notes,
                          absl::Time now) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone());
  std::map<std::string, std::string> lines;
  for (const ReplayNote& note : notes) {
    lines[ReplayedPath(DeadLetterPath(folder, note.object))] += AsLine(note, time);
  }
  for (const auto& [path, text] : lines) {
    ASSIGN_OR_RETURN(const std::unique_ptr<AppendFile> file, OpenLines(path));
    RETURN_IF_ERROR(file->Append(text));
    RETURN_IF_ERROR(file->Sync());
  }
  return absl::OkStatus();
}

absl::Status ForEachReplayNote(const std::string& dead_letter_path,
                               const std::function<absl::Status(const ReplayNote&)>& visit) {
  const absl::Status status = ForEachLine(ReplayedPath(dead_letter_path), kMostRecordBytes,
                                          [&](std::string_view line, uint64_t) {
                                            const std::optional<ReplayNote> note = Parse(line);
                                            return note ? visit(*note) : absl::OkStatus();
                                          });
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace millrace
