// Warnings in the output of verbs.
#ifndef MILLRACE_CLI_WARNINGS_REPORT_H_
#define MILLRACE_CLI_WARNINGS_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/warnings.h"

namespace millrace::cli {

// The member "warnings" of --json: [{"code", "config_id", "field", "count", "object", "message"}];
// empty values are null.
nlohmann::ordered_json WarningsAsJson(const std::vector<WarningCount>& warnings);

// "warning: message (3 times, first in gs://b/o)", one line each.
std::string WarningsAsLines(const std::vector<WarningCount>& warnings);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_WARNINGS_REPORT_H_
