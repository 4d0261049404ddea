#include "replay/dead_rows.h"

#include "base/status.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {

absl::StatusOr<DeadRows> ReadDeadRows(const std::string& folder, const LedgerKey& object) {
  const std::string path = DeadLetterPath(folder, object);
  DeadRows rows;
  const absl::Status status =
      ForEachLine(path, kMaxRecordBytes, [&](std::string_view line, uint64_t) {
        const absl::StatusOr<uint64_t> row = RowOfLine(line);
        if (row.ok() && *row > 0) rows.rejected.Add(*row - 1);
        return absl::OkStatus();
      });
  if (absl::IsNotFound(status)) return rows;
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(ForEachReplayNote(path, [&](const ReplayNote& note) {
    DeadRows::Replayed replayed{.row = note.row, .events = {}};
    for (const std::string& event : note.events) {
      if (EventIdentity identity; identity.SetFromKey(event).ok()) {
        replayed.events.push_back(std::move(identity));
      }
    }
    if (!note.rejected_again) rows.replayed.push_back(std::move(replayed));
    return absl::OkStatus();
  }));
  return rows;
}

}  // namespace millrace
