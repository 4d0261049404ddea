// Reads dead letters back from their folder: to list, to show, to replay.
#ifndef MILLRACE_CONNECTORS_DISK_DEAD_LETTER_READER_H_
#define MILLRACE_CONNECTORS_DISK_DEAD_LETTER_READER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "connectors/disk/dead_letter_record.h"

namespace millrace {

// What is left empty takes everything.
struct DeadLetterFilter {
  std::string id;  // of one record
  std::string code;
  std::string object;  // what its URI begins with
  absl::Time since = absl::InfinitePast();
  bool with_replayed = false;  // those that were replayed as well
};

struct DeadLetterScan {
  uint64_t records = 0;       // shown to `visit`
  uint64_t replayed = 0;      // fit the filter but for with_replayed, and were not shown
  uint64_t damaged = 0;       // lines that are no records
  std::string first_damaged;  // "path:line: why"
};

// Calls `visit` with the records of `folder` that fit: by file name, and within a file as they were
// kept. `replayed`: the record was. Bounded memory but for 16 bytes or so for each replayed row of
// one file. A status of `visit` that is not ok ends the scan and is returned. A folder that is not
// there holds no records.
absl::StatusOr<DeadLetterScan> ScanDeadLetters(
    const std::string& folder, const DeadLetterFilter& filter,
    const std::function<absl::Status(const DeadLetterRecord&, bool replayed)>& visit);

// How many records fit, by code.
absl::StatusOr<std::map<std::string, uint64_t>> CountDeadLetters(const std::string& folder,
                                                                 const DeadLetterFilter& filter);

// Notes durably that these were delivered: a replay calls it after the destination has confirmed
// them, so one that is killed before sends some again (the destination knows them by their
// $insert_id), and one that is repeated sends nothing new. When an object is read again from before
// a row, that row's note goes with its record.
absl::Status MarkReplayed(const std::string& folder, absl::Span<const DeadLetterRecord> records,
                          absl::Time now);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_DISK_DEAD_LETTER_READER_H_
