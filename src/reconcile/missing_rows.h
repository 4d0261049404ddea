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
#include "reconcile/repair_claims.h"

namespace millrace {

struct ResendParts {
  Destination& destination;
  const EventReader& reader;     // of the destination
  DeadLetterQueue& dead_letter;  // stores what is rejected now
  std::string folder;            // empty, for temporary files
  Clock& clock;
  RepairClaims* claims = nullptr;  // of a destination with a cursor
  Staging* staging = nullptr;      // of a staged destination
};

// Ends other repairs of the objects that `missing` has, as indexes of `objects`. What they have
// written can be read when this returns, and they write nothing more.
absl::Status EndOtherRepairs(const std::vector<ConfirmedObject>& objects,
                             const FingerprintSpill& missing, RepairClaims& claims,
                             const RetryPolicy& retry, Clock& clock, std::stop_token stop);

// `missing` has indexes of `objects` as keys. Maps rows again, so that they keep their ids, and
// sends their missing events with Run(). `accepted` in the counts of the report is the number of
// rows sent again. A destination with a cursor records the rows under names of their own, apart
// from those of the import, which has them as delivered. A staged destination commits as in an
// import, but what a killed run had announced is forgotten. A row that is refused and has other
// events than the missing ones becomes a partial dead letter. `objects_lost`: other repairs have
// begun.
absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, RunOptions options, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_MISSING_ROWS_H_
