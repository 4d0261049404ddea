// Runs a program and returns its output.
#ifndef MILLRACE_AUTH_SUBPROCESS_H_
#define MILLRACE_AUTH_SUBPROCESS_H_

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

struct ChildCommand {
  std::vector<std::string> arguments;  // the first: a path, or a name on PATH
  // Added to this process's environment.
  std::vector<std::pair<std::string, std::string>> variables;
  absl::Duration timeout = absl::Seconds(30);
  size_t max_output_bytes = 256 << 10;
};

// What the program wrote to standard output before it ended with exit status 0. It shares this
// process's standard error; its standard input is empty. Unavailable: it took longer than the
// timeout and was killed with all its child processes. Unauthenticated: another exit status.
// Cancelled: `stop`.
absl::StatusOr<std::string> ReadChildOutput(const ChildCommand& command, std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_AUTH_SUBPROCESS_H_
