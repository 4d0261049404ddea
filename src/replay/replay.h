// Sends rejected records again: mapped again with the current config, or unchanged if only the
// destination rejected them. Dead letters of a proxy are of objects "spool:..." (refused by one of
// its destinations, or on the way there) and "proxy:..." (refused when they arrived, so they belong
// into the proxy's log).
#ifndef MILLRACE_REPLAY_REPLAY_H_
#define MILLRACE_REPLAY_REPLAY_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "import/import.h"
#include "pipeline/destination.h"
#include "replay/remap.h"
#include "replay/replay_queue.h"
#include "spool/spool_entries.h"

namespace millrace {

struct ReplayRequest {
  ImportRequest import;                // the config; inputs are not used
  Destination* destination = nullptr;  // whose records are replayed
  DeadLetterFilter filter;
  bool dry_run = false;        // maps and counts; sends nothing and records nothing
  SpoolEntries spool_entries;  // of records of a proxy, instead of the config
  // Maps records as Remapper::Map() does, instead of it.
  std::function<absl::StatusOr<std::vector<Remapped>>(absl::Span<const KeptRow>, Batch&)> remap;
};

// Everything outside the process.
struct ReplayParts {
  ReplayQueue& queue;
  // Where commits of a staged destination are announced; null: there is none, and records cannot be
  // replayed into such a destination.
  Ledger* ledger = nullptr;
  Clock& clock = Clock::Real();
};

struct ReplayReport {
  absl::Status status;  // Cancelled: a stop was requested; otherwise the error that ended it early
  Counts counts;        // of records; those without an outcome at an early end are pending
  uint64_t replayed_before = 0;  // match the filter and were replayed before
  uint64_t not_ours = 0;         // match the filter, but belong to another host, project or config
  uint64_t damaged = 0;          // lines or messages that are not dead letters
  uint64_t retries = 0;
  double elapsed_s = 0;
  std::string first_error;  // the first record rejected again, or what ended the replay

  bool success() const {
    return status.ok() && counts.rejected == 0 && counts.pending() == 0 && damaged == 0;
  }
};

// Blocking. InvalidArgument: the destination is staged, and there is no ledger. A record has the
// ids that its import would have given it, so a killed or repeated replay is harmless.
// Records that are accepted or filtered are recorded as replayed after the destination has
// confirmed them; records that are rejected again stay, on disk with their new reason.
ReplayReport Replay(const ReplayRequest& request, const ReplayParts& parts, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_H_
