// The final report of an export: the accounting as a table or as one JSON object.
#ifndef MILLRACE_CLI_EXPORT_REPORT_H_
#define MILLRACE_CLI_EXPORT_REPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "export/export.h"

namespace millrace::cli {

// One JSON object on one line; docs/verbs/export.md lists its keys: the sums over all destinations,
// and "destinations", one object for each.
std::string ExportReportAsJson(const ExportReport& report);
std::string ExportReportAsTable(const ExportReport& report);

// Prints the report and returns the exit code: 0 everything was accepted, 1 records were rejected,
// 3 stopped. An error before anything was read is returned.
absl::StatusOr<int> FinishExport(const ExportReport& report, bool json, Context& context);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_EXPORT_REPORT_H_
