// Proves that a destination has exactly the events that Mixpanel has of some days, and repairs it.
#ifndef MILLRACE_RECONCILE_EXPORT_RECONCILE_H_
#define MILLRACE_RECONCILE_EXPORT_RECONCILE_H_

#include <cstdint>
#include <stop_token>

#include "absl/time/time.h"
#include "export/export.h"
#include "reconcile/reconcile.h"

namespace millrace {

struct ExportReconcileRequest {
  ExportRequest exported;  // as the events were exported, by event date
  size_t max_listed = 20;  // as of ReconcileRequest
  bool repair = false;     // delivers what is missing
  // Replaces each day that is different by what Mixpanel has, all or nothing.
  bool replace = false;
  bool ignore_unexpected = false;  // then they are no reason to replace a day
  absl::Duration wait;
  absl::Duration wait_after_repair;
  size_t max_rows_in_memory = 2'000'000;
};

struct ExportReconcileReport {
  // Of all days. Objects are windows, and their rows are those of Mixpanel, repeats once.
  ReconcileReport result;
  uint64_t queries = 0;  // of Mixpanel, with retries
  uint64_t retries = 0;
  uint64_t windows_replaced = 0;
};

// `parts` has one destination, which `reader` reads. Blocking. No export into the destination runs
// at the same time: Aborted. What an export has fetched and not delivered is delivered first. A
// window that is closed is compared and repaired as others. After a repair, exports know that its
// rows are delivered, also if the repair was killed. FailedPrecondition: the days were exported
// with another filter or time zone, by processing time, or with another state folder.
// InvalidArgument: the destination cannot replace days. Memory as of Reconcile().
ExportReconcileReport ReconcileExport(const ExportReconcileRequest& request,
                                      const ExportParts& parts, EventReader& reader,
                                      std::stop_token stop, ExportProgress& progress);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_EXPORT_RECONCILE_H_
