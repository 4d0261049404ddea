// Records what replays did with dead letters, in NDJSON files beside them.
// Format: docs/formats/dead-letters.md.
#ifndef MILLRACE_CONNECTORS_DEAD_LETTER_FILES_REPLAY_NOTES_H_
#define MILLRACE_CONNECTORS_DEAD_LETTER_FILES_REPLAY_NOTES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/ledger.h"

namespace millrace {

struct ReplayNote {
  LedgerKey object;
  uint64_t row = 0;  // 0-based
  // A newer record of the row has the reason; the older ones are outdated. Else the row was
  // delivered or filtered and needs nothing more.
  bool rejected_again = false;
  std::vector<std::string> events;  // what was delivered: JSON in the caller's format
};

// The new records of rows that were rejected again in a replay.
using RejectedAgain = std::map<LedgerKey, std::vector<Rejection>>;

// Keeps the records `again`, then `notes`, durably on return. A replay calls it after the
// destination has confirmed. So a replay that was killed before sends some events again (the
// destination deduplicates them by $insert_id), and a repeated replay sends nothing new. When an
// object is read again from before a row, that row's notes go with its records; later notes of a
// row without a record are skipped, because the row has been processed again.
absl::Status NoteReplayed(const std::string& folder, absl::Span<const ReplayNote> notes,
                          const RejectedAgain& again, absl::Time now);

// Visits the notes of the dead letter file `path`, oldest first; none if there are none. `object`
// stays empty. Lines that are not notes are skipped: their rows are replayed again.
absl::Status ForEachReplayNote(const std::string& dead_letter_path,
                               const std::function<absl::Status(const ReplayNote&)>& visit);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_REPLAY_NOTES_H_
