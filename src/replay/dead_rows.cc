#include "replay/dead_rows.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/dead_letter_files/replay_notes.h"
#include "connectors/dead_letter_files/row_lines.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {

namespace {

constexpr std::string_view kPartial = "\"partial\":true";  // as AppendDeadLetter() writes it

std::vector<Hash128> Fingerprints(std::string_view events, const EventReader::Identify& identify) {
  std::vector<Hash128> fingerprints;
  EventIdentity identity;
  for (const absl::string_view event : absl::StrSplit(ToAbsl(events), '\n', absl::SkipEmpty())) {
    if (identify(ToStd(event), identity).ok()) fingerprints.push_back(identity.fingerprint());
  }
  std::sort(fingerprints.begin(), fingerprints.end());
  return fingerprints;
}

// Several records of a row add up; those of a replay that was rejected repeat the earlier one.
void Add(std::vector<Hash128> more, std::vector<Hash128>& events) {
  std::vector<Hash128> all;
  std::ranges::set_union(events, more, std::back_inserter(all));
  events = std::move(all);
}

}  // namespace

absl::StatusOr<DeadRows> ReadDeadRows(const std::string& folder, const LedgerKey& object,
                                      const EventReader::Identify& identify) {
  const std::string path = DeadLetterPath(folder, object);
  DeadRows rows;
  RowSet whole;
  const auto add = [&](std::string_view line, uint64_t) {
    const absl::StatusOr<uint64_t> number = RowOfLine(line);
    if (!number.ok() || *number == 0) return absl::OkStatus();
    const uint64_t row = *number - 1;
    rows.rejected.Add(row);
    if (line.find(kPartial) != std::string_view::npos) {  // or a payload has that text
      const absl::StatusOr<DeadLetterRecord> record = ParseDeadLetter(line);
      if (record.ok() && record->rejection.partial) {
        Add(Fingerprints(record->rejection.payload_after, identify), rows.partial[row]);
        return absl::OkStatus();
      }
    }
    whole.Add(row);
    return absl::OkStatus();
  };
  const absl::Status status = ForEachLine(path, kMaxRecordBytes, add);
  if (absl::IsNotFound(status)) return rows;
  RETURN_IF_ERROR(status);
  absl::erase_if(rows.partial, [&](const auto& row) { return whole.Contains(row.first); });
  RETURN_IF_ERROR(ForEachReplayNote(path, [&](const ReplayNote& note) {
    if (note.rejected_again) return absl::OkStatus();
    DeadRows::Replayed& replayed = rows.replayed.emplace_back();
    replayed.row = note.row;
    if (const auto partial = rows.partial.find(note.row); partial != rows.partial.end()) {
      partial->second.clear();
      return absl::OkStatus();
    }
    for (const std::string& event : note.events) {
      if (EventIdentity identity; identity.SetFromKey(event).ok()) {
        replayed.events.push_back(std::move(identity));
      }
    }
    return absl::OkStatus();
  }));
  return rows;
}

}  // namespace millrace
