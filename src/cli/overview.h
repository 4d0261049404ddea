// The page that `millrace --help` prints: every verb on one line, grouped by purpose.
#ifndef MILLRACE_CLI_OVERVIEW_H_
#define MILLRACE_CLI_OVERVIEW_H_

#include <string>
#include <vector>

#include "cli/command.h"

namespace millrace::cli {

// Groups and verbs keep the order of `commands`. At most 80 columns wide.
std::string Overview(const std::vector<Command>& commands);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_OVERVIEW_H_
