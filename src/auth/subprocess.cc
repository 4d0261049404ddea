#include "auth/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

extern char** environ;

namespace millrace {
namespace {

constexpr int kPollMs = 50;                             // how soon a stop is noticed
constexpr absl::Duration kPatience = absl::Seconds(5);  // to end after its output was closed

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> ChildEnvironment(const ChildCommand& command) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name =
        std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    bool replaced = false;
    for (const auto& [variable, value] : command.variables) replaced |= variable == name;
    if (!replaced) entries.emplace_back(*entry);
  }
  for (const auto& [variable, value] : command.variables) {
    entries.push_back(StrCat(variable, "=", value));
  }
  return entries;
}

class Child {
 public:
  // `output` receives its output; the caller closes it.
  static absl::StatusOr<Child> Start(const ChildCommand& command, int& output) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "creating a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A process group of its own, so that all its processes can be killed, and default signal
    // handling.
    sigset_t none, usual;
    sigemptyset(&none);
    sigfillset(&usual);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<std::string> arguments = command.arguments;
    std::vector<std::string> environment = ChildEnvironment(command);
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, arguments[0].c_str(), &actions, &attributes,
                                   Pointers(arguments).data(), Pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (error != 0) {
      close(ends[0]);
      return ErrnoStatus(error, StrCat("starting ", arguments[0]));
    }
    output = ends[0];
    return Child(pid);
  }

  // Returns its wait status; kills it and its process group if it has not ended after `patience`.
  int End(absl::Duration patience) const {
    int status = 0;
    const absl::Duration end = Clock::Real().Elapsed() + patience;
    while (Clock::Real().Elapsed() < end) {
      if (waitpid(pid_, &status, WNOHANG) == pid_) return status;
      Clock::Real().SleepFor(absl::Milliseconds(5), {});
    }
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
    return status;
  }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

// Reads to the end of the output.
absl::Status ReadAll(int output, const ChildCommand& command, std::stop_token stop,
                     std::string& text) {
  const absl::Duration end = Clock::Real().Elapsed() + command.timeout;
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("a stop was requested");
    if (Clock::Real().Elapsed() >= end) {
      return absl::UnavailableError(StrCat(command.arguments[0], " took longer than ",
                                           absl::FormatDuration(command.timeout)));
    }
    pollfd readable{.fd = output, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, kPollMs) <= 0) continue;
    char bytes[4096];
    const ssize_t n = read(output, bytes, sizeof bytes);
    if (n == 0) return absl::OkStatus();
    if (n < 0) return ErrnoStatus(errno, StrCat("reading from ", command.arguments[0]));
    text.append(bytes, static_cast<size_t>(n));
    if (text.size() > command.max_output_bytes) {
      return absl::ResourceExhaustedError(StrCat(command.arguments[0], " prints too much output"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadChildOutput(const ChildCommand& command, std::stop_token stop) {
  int output = -1;
  ASSIGN_OR_RETURN(const Child child, Child::Start(command, output));
  std::string text;
  const absl::Status read = ReadAll(output, command, std::move(stop), text);
  close(output);
  const int status = child.End(read.ok() ? kPatience : absl::ZeroDuration());
  RETURN_IF_ERROR(read);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  return absl::UnauthenticatedError(
      WIFEXITED(status)
          ? StrCat(command.arguments[0], " ended with exit status ", WEXITSTATUS(status))
          : StrCat(command.arguments[0], " was killed by signal ", WTERMSIG(status)));
}

}  // namespace millrace
