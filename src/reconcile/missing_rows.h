// Sends rows again that are accepted in the ledger but missing at the destination.
#ifndef MILLRACE_RECONCILE_MISSING_ROWS_H_
#define MILLRACE_RECONCILE_MISSING_ROWS_H_

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/destination.h"
#include "pipeline/run.h"
#include "reconcile/confirmed_objects.h"
#include "reconcile/fingerprint_spill.h"

namespace millrace {

struct ResendParts {
  Destination& destination;
  const EventReader& reader;     // of the destination
  DeadLetterQueue& dead_letter;  // stores what is rejected now
  std::string folder;            // empty, for temporary files
  Clock& clock;
};

// Of a destination with a cursor: ends earlier repairs of the objects that `missing` has, as
// indexes of `objects`. What they have written can be read when this returns, and they write
// nothing more: a process that was killed may still have a write in flight.
absl::Status EndEarlierRepairs(const std::vector<ConfirmedObject>& objects,
                               const FingerprintSpill& missing, ResendParts parts,
                               const RetryPolicy& retry, std::stop_token stop);

// `missing` has indexes of `objects` as keys. Maps rows again, so that they keep their ids, and
// sends their missing events with Run(). `accepted` in the counts of the report is the number of
// rows sent again. A destination with a cursor records the rows under names of their own, apart
// from those of the import, which has them as delivered.
absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, RunOptions options, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_MISSING_ROWS_H_
