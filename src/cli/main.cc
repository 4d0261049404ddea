#include <fcntl.h>
#include <malloc.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "cli/commands.h"
#include "cli/signals.h"

extern char** environ;

namespace millrace::cli {
namespace {

// The variable `name`, in this or any other letter case (the old importers took both). An empty
// variable counts as not set.
std::optional<std::string> ReadEnvironment(std::string_view name) {
  std::string_view value;
  if (const char* exact = getenv(std::string(name).c_str())) value = exact;
  for (char** entry = environ; value.empty() && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (variable.size() > name.size() && variable[name.size()] == '=' &&
        strncasecmp(*entry, name.data(), name.size()) == 0) {
      value = variable.substr(name.size() + 1);
    }
  }
  return value.empty() ? std::nullopt : std::optional(std::string(value));
}

std::vector<std::string> NamesOfVariables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    names.emplace_back(variable.substr(0, variable.find('=')));
  }
  return names;
}

// A process may be started with standard descriptors closed. The next file that it opens would get
// the number of one of them, and would receive what is written to standard error. The replacements
// can be neither read (0) nor written (1, 2), so that a result that cannot be delivered is an
// error.
void FillStandardDescriptors(int, char**, char**) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (syscall(SYS_fcntl, fd, F_GETFD) >= 0) continue;
    const int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (syscall(SYS_openat, AT_FDCWD, "/dev/null", mode) != fd) _exit(kStopped);
  }
}

// Runs before the initializers of shared libraries, some of which open descriptors, and so also
// before those of sanitizers: hence the bare system calls.
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kFirstOfAll)(int, char**, char**) = &FillStandardDescriptors;

int Main(int argc, char** argv) {
  // Buffers of batches are reused instead of returned to the system and faulted in again.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // Few arenas: memory freed by one thread serves the others.
  mallopt(M_ARENA_MAX, 2);
#ifdef NDEBUG
  // Abseil as Debian builds it looks for a deadlock at every lock, which costs more than twice the
  // lock itself. Tests and debug builds keep that.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif

  Signals signals;
  const bool err_is_terminal = isatty(STDERR_FILENO) != 0;
  Context context{.out = std::cout,
                  .err = std::cerr,
                  .stop = signals.stop(),
                  .environment = ReadEnvironment,
                  .variable_names = NamesOfVariables(),
                  .set_hangup_handler =
                      [&signals](std::function<void()> handler) {
                        signals.SetHangupHandler(std::move(handler));
                      },
                  .out_is_terminal = isatty(STDOUT_FILENO) != 0,
                  .err_is_terminal = err_is_terminal,
                  .color = err_is_terminal && !ReadEnvironment("NO_COLOR").has_value()};
  const std::vector<std::string> args(argv + 1, argv + argc);
  const int code = Dispatch(AllCommands(), args, context, argv);
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "millrace: writing the result to standard output failed\n";
    return kStopped;
  }
  return code;
}

}  // namespace
}  // namespace millrace::cli

int main(int argc, char** argv) {
  try {
    return millrace::cli::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "millrace: " << error.what() << "\n";
    return millrace::cli::kStopped;
  }
}
