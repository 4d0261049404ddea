// What replays did with dead letters: NDJSON files beside theirs.
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
  // A newer record of the row says why; the older ones are out of date. Else the row was delivered
  // or filtered: it needs nothing more.
  bool rejected_again = false;
  std::vector<std::string> events;  // what was delivered: JSON, the caller's own
};

// The new reasons of rows that a replay saw rejected again.
using RejectedAgain = std::map<LedgerKey, std::vector<Rejection>>;

// Keeps the records `again`, then `notes`, durably on return. A replay calls it after the
// destination has confirmed, so one that is killed before sends some again (the destination knows
// them by their $insert_id), and one that is repeated sends nothing new. When an object is read
// again from before a row, that row's notes go with its records; what comes later of a row that has
// no record any more is left out, because the row has been processed again.
absl::Status NoteReplayed(const std::string& folder, absl::Span<const ReplayNote> notes,
                          const RejectedAgain& again, absl::Time now);

// Shows the notes of the dead letter file `path`, oldest first; none if there are none. `object` is
// left empty. Lines that are no notes are left out: their rows are replayed again.
absl::Status ForEachReplayNote(const std::string& dead_letter_path,
                               const std::function<absl::Status(const ReplayNote&)>& visit);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_REPLAY_NOTES_H_
