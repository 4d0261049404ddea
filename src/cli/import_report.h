// The final report of an import: the accounting as a table or as one JSON object.
#ifndef MILLRACE_CLI_IMPORT_REPORT_H_
#define MILLRACE_CLI_IMPORT_REPORT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "import/import.h"

namespace millrace::cli {

// One JSON object on one line; docs/verbs/import.md lists its keys.
std::string ImportReportAsJson(const ImportReport& report);
std::string ImportReportAsTable(const ImportReport& report);

// 0 all accepted, 1 rejected records or unreadable objects, 2 nothing could be started for a reason
// that the user must fix, 3 stopped.
int ExitCodeOf(const ImportReport& report);

// Ends an import or a watch: prints the report, logs it in one line with `message`, and returns its
// exit code. If the code is 2, prints nothing and returns the error of the report.
absl::StatusOr<int> FinishImport(const ImportReport& report, bool json, Context& context,
                                 std::string_view message);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_IMPORT_REPORT_H_
