// Sends rows again that the ledger calls accepted and that the destination does not have.
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
  DeadLetterQueue& dead_letter;  // keeps what is refused now
  Clock& clock;
};

// `missing` has indexes of `objects` as keys. Rows are mapped again, so that they have the ids they
// had, and go through Run(). `accepted` of the report's counts are rows that were sent again.
absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, const RunOptions& options,
                                        std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_MISSING_ROWS_H_
