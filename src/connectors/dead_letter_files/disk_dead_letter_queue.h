// Dead letters as NDJSON files in a folder, one for each ledger key.
// Format: docs/formats/dead-letters.md.
#ifndef MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DISK_DEAD_LETTER_QUEUE_H_
#define MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DISK_DEAD_LETTER_QUEUE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace {

// `folder` (0700) and its files (0600) are created when the first record is added. The result is
// thread-safe; one process at a time may add records of one ledger key, while others replay them
// (replay_notes.h).
absl::StatusOr<std::unique_ptr<DeadLetterQueue>> OpenDiskDeadLetterQueue(
    const std::string& folder, Clock& clock = Clock::Real());

// Where the records of `object` are in `folder`, and which of them were replayed.
std::string DeadLetterPath(const std::string& folder, const LedgerKey& object);
std::string ReplayedPath(const std::string& dead_letter_path);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DISK_DEAD_LETTER_QUEUE_H_
