// Reads dead letters back from their folder: to list, to show, to replay.
#ifndef MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DEAD_LETTER_READER_H_
#define MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DEAD_LETTER_READER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/dead_letter_record.h"

namespace millrace {

// An empty field matches everything.
struct DeadLetterFilter {
  std::string id;  // of one record
  std::string code;
  std::string object;  // prefix of its URI
  absl::Time since = absl::InfinitePast();
  bool with_replayed = false;  // also those that were replayed

  bool Fits(const DeadLetterRecord& record) const;  // but for with_replayed
};

struct DeadLetterScan {
  uint64_t records = 0;       // shown to `visit`
  uint64_t replayed = 0;      // fit the filter but for with_replayed, and were not shown
  uint64_t damaged = 0;       // lines that are not records
  std::string first_damaged;  // "path:line: why"
};

// Calls `visit` with the records of `folder` that fit: by file name, and within a file as they were
// kept; of a row that a replay saw rejected again, the newest only. `replayed`: the record was (see
// replay_notes.h). Bounded memory but for 32 bytes or so for each replayed row of one file. A
// status of `visit` that is not ok ends the scan and is returned. A folder that does not exist has
// no records.
absl::StatusOr<DeadLetterScan> ScanDeadLetters(
    const std::string& folder, const DeadLetterFilter& filter,
    const std::function<absl::Status(const DeadLetterRecord&, bool replayed)>& visit);

// How many records fit, by code.
absl::StatusOr<std::map<std::string, uint64_t>> CountDeadLetters(const std::string& folder,
                                                                 const DeadLetterFilter& filter);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DEAD_LETTER_FILES_DEAD_LETTER_READER_H_
