// A verb of the command line. Its options are declared once, in a table that defines parsing,
// --help, environment variables and docs/cli.md.
#ifndef MILLRACE_CLI_COMMAND_H_
#define MILLRACE_CLI_COMMAND_H_

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace::cli {

// Exit status of every verb; docs/cli.md begins with them.
enum ExitCode {
  kAllAccepted = 0,
  kRejectedRecords = 1,  // finished, but records (or whole objects) were rejected
  kWrongUsage = 2,       // usage or config
  kStopped = 3,          // stopped before the end; safe to run again
};

// The target of a number, and its range. A default outside of the range means "not given".
template <typename Number>
struct Ranged {
  Number* target;
  Number min;
  Number max;  // inclusive
};

inline Ranged<int64_t> Between(int64_t* target, int64_t min, int64_t max) {
  return {target, min, max};
}
inline Ranged<double> Between(double* target, double min, double max) { return {target, min, max}; }
inline Ranged<absl::Duration> Between(absl::Duration* target, absl::Duration min,
                                      absl::Duration max) {
  return {target, min, max};
}
// Also accepts "inf": no limit.
inline Ranged<absl::Duration> AtLeast(absl::Duration* target, absl::Duration min) {
  return {target, min, absl::InfiniteDuration()};
}

// The target of a parsed value; its value before parsing is the default.
using FlagTarget = std::variant<bool*, std::string*, Ranged<int64_t>, Ranged<double>,
                                Ranged<absl::Duration>, std::vector<std::string>*>;

// The range of the flag's number, "1 to 100" or "at least 2s"; empty: it takes no number.
std::string RangeOf(const FlagTarget& target);

struct Flag {
  std::string name;  // "--kebab-case"
  FlagTarget target;
  std::string value;                 // what --help calls the value: "FILE"; empty for bool
  std::string doc;                   // one sentence, begins in lower case, no full stop
  std::string env;                   // read (in any case) if the flag is not given; empty: none
  std::vector<std::string> aliases;  // other spellings ("--source_configs_gcs_uri")
  bool secret = false;               // never shown; its text is wiped from the process list
  std::string old_name = {};         // an earlier spelling that still works and is not shown
};

// The interface of a verb to the outside of the process.
struct Context {
  std::ostream& out;     // results
  std::ostream& err;     // messages for people; logs go to stderr as well
  std::stop_token stop;  // requested by SIGINT or SIGTERM
  std::function<std::optional<std::string>(std::string_view name)> environment;
  std::vector<std::string> variable_names;  // of all variables of the environment
  // Makes SIGHUP call `handler`, from a separate thread; null: SIGHUP ends the program, as it does
  // by default. When this returns, no call of the previous handler is running.
  std::function<void(std::function<void()> handler)> set_hangup_handler =
      [](std::function<void()>) {};
  // The names of the flags that the command line or the environment gives; set by Dispatch().
  std::set<std::string, std::less<>> given = {};
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool color = false;
};

struct Command {
  std::string name;                   // "import", "dlq show"
  std::string group;                  // its heading in `millrace --help`
  std::string summary;                // one line
  std::string about;                  // some lines of --help
  std::vector<std::string> examples;  // whole command lines
  // Positional arguments; null: the verb takes none.
  std::vector<std::string>* arguments = nullptr;
  std::string arguments_name;  // "INPUT..."
  bool arguments_required = true;
  std::vector<Flag> flags;
  // Called after parsing. Returns an ExitCode, or an error that is printed as "millrace NAME:
  // message" and ends the program with the code of ExitCodeOf().
  std::function<absl::StatusOr<int>(Context&)> run;
};

// The exit code for an error: kWrongUsage for what the user must fix (InvalidArgument,
// NotFound, Unauthenticated, PermissionDenied, Unimplemented and the like), else kStopped.
ExitCode ExitCodeOf(const absl::Status& error);

// Parses `args` (without the program's name) and runs the verb it names. Prints help and usage
// errors (exit code 2) itself. Wipes secret values from `argv_memory` (argv of the process; null:
// none).
int Dispatch(const std::vector<Command>& commands, const std::vector<std::string>& args,
             Context& context, char** argv_memory = nullptr);

// The reference page of all commands, as Markdown: docs/cli.md.
std::string CommandsAsMarkdown(const std::vector<Command>& commands);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_COMMAND_H_
