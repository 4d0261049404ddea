// Sends rows again that are accepted in the ledger but missing at the destination.
#ifndef MILLRACE_RECONCILE_MISSING_ROWS_H_
#define MILLRACE_RECONCILE_MISSING_ROWS_H_

#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/run.h"
#include "reconcile/confirmed_objects.h"
#include "reconcile/fingerprint_spill.h"

namespace millrace {

struct ResendParts {
  SinkFactory make_sink;
  RecordRules rules;             // of the destination
  DeadLetterQueue& dead_letter;  // stores what is rejected now
  Clock& clock;
};

// `missing` has indexes of `objects` as keys. Maps rows again, so that they keep their ids, and
// sends them with Run(). `accepted` in the counts of the report is the number of rows sent again.
absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, const RunOptions& options,
                                        std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_MISSING_ROWS_H_
