// The final report of a reconciliation.
#ifndef MILLRACE_CLI_RECONCILE_REPORT_H_
#define MILLRACE_CLI_RECONCILE_REPORT_H_

#include <string>

#include "cli/command.h"
#include "reconcile/reconcile.h"

namespace millrace::cli {

// One JSON object on one line; docs/verbs/reconcile.md lists its keys.
std::string ReconcileReportAsJson(const ReconcileReport& report, bool ignore_unexpected,
                                  size_t max_listed);
std::string ReconcileReportAsTable(const ReconcileReport& report, bool ignore_unexpected,
                                   size_t max_listed);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_RECONCILE_REPORT_H_
