// The final report of an import: the accounting as a table or as one JSON object.
#ifndef MILLRACE_CLI_IMPORT_REPORT_H_
#define MILLRACE_CLI_IMPORT_REPORT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "import/import.h"

namespace millrace::cli {

// One JSON object on one line; docs/verbs/import.md lists its keys: the sums over all destinations,
// and "destinations", one object for each.
std::string ImportReportsAsJson(absl::Span<const ImportReport> reports);
// Of one destination.
std::string ImportReportAsTable(const ImportReport& report);

// 0 all accepted, 1 rejected records or unreadable objects, 2 nothing could be started for a reason
// that the user must fix, 3 stopped.
int ExitCodeOf(const ImportReport& report);

// Ends an import or a watch: prints the reports of all destinations, logs each in one line with
// `message`, and returns the highest exit code. If no destination could be started, prints nothing
// and returns the error of the first one.
absl::StatusOr<int> FinishImport(absl::Span<const ImportReport> reports, bool json,
                                 Context& context, std::string_view message);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_IMPORT_REPORT_H_
