// What an export of events would read: nothing is read, and nothing is claimed.
#ifndef MILLRACE_EXPORT_EXPORT_PLAN_H_
#define MILLRACE_EXPORT_EXPORT_PLAN_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "export/export.h"
#include "pipeline/ledger.h"

namespace millrace {

struct ExportPlan {
  uint64_t windows = 0;          // that would be read
  uint64_t windows_skipped = 0;  // closed at every destination
  uint64_t windows_known = 0;    // of those to be read, that were read before
  uint64_t rows_known = 0;       // that they had then
  // Between these numbers: the volume of the other windows is not known.
  uint64_t queries_min = 0;
  uint64_t queries_max = 0;

  // How long `queries` wait for the hourly limit; zero if there is none.
  static absl::Duration WaitOf(uint64_t queries, size_t per_hour);
};

// `destinations`: their names in the ledger. Errors as of the ledger.
absl::StatusOr<ExportPlan> PlanExport(const ExportRequest& request,
                                      const absl::flat_hash_set<std::string>& destinations,
                                      LedgerReader& ledger, absl::Time now, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EXPORT_PLAN_H_
