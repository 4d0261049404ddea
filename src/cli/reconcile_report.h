// What a reconciliation prints at its end.
#ifndef MILLRACE_CLI_RECONCILE_REPORT_H_
#define MILLRACE_CLI_RECONCILE_REPORT_H_

#include <string>

#include "cli/command.h"
#include "reconcile/reconcile.h"

namespace millrace::cli {

// One JSON object on one line: the keys of design section 10 and more.
std::string ReconcileReportAsJson(const ReconcileReport& report, bool ignore_unexpected,
                                  size_t max_listed);
std::string ReconcileReportAsTable(const ReconcileReport& report, bool ignore_unexpected,
                                   size_t max_listed);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_RECONCILE_REPORT_H_
