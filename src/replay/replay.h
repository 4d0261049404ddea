// Sends rejected records again: mapped anew by today's config, or as they were if it was only the
// destination that refused them.
#ifndef MILLRACE_REPLAY_REPLAY_H_
#define MILLRACE_REPLAY_REPLAY_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"
#include "import/import.h"
#include "pipeline/sink.h"
#include "replay/replay_queue.h"

namespace millrace {

struct ReplayRequest {
  ImportRequest import;  // config and destination; inputs are not used
  DeadLetterFilter filter;
  bool dry_run = false;  // maps and counts; sends nothing and notes nothing
};

// Everything outside the process.
struct ReplayParts {
  ReplayQueue& queue;
  std::function<SinkFactory(RecordType)> sinks_for;  // not called in a dry run
  Clock& clock = Clock::Real();
};

struct ReplayReport {
  absl::Status status;           // Cancelled: a stop was asked for; otherwise what ended it early
  Counts counts;                 // of records; what is not settled at an early end is pending
  uint64_t replayed_before = 0;  // fit the filter and needed nothing
  uint64_t not_ours = 0;         // fit the filter, and are of another host, project or config
  uint64_t damaged = 0;          // lines or messages that are no dead letters
  uint64_t retries = 0;
  double elapsed_s = 0;
  std::string first_error;  // the first record rejected again, or what ended the replay

  bool success() const {
    return status.ok() && counts.rejected == 0 && counts.pending() == 0 && damaged == 0;
  }
};

// Blocking. A record has the ids that its import would have given it, so a replay that was killed
// and one that is repeated do no harm. What is accepted or filtered is noted as replayed after the
// destination has confirmed it; what is rejected again stays: on disk with its new reason.
ReplayReport Replay(const ReplayRequest& request, const ReplayParts& parts, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_H_
