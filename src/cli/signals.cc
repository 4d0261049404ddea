#include "cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "cli/command.h"

namespace millrace::cli {
namespace {

// Wakes the waiting thread when the process ends by itself.
constexpr int kEnd = SIGUSR1;

sigset_t Waited() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, kEnd);
  return set;
}

void Say(const char* text) {
  // Whether anyone reads it does not change what happens next.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

}  // namespace

Signals::Signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write past `ulimit -f` fails with EFBIG
  const sigset_t waited = Waited();
  pthread_sigmask(SIG_BLOCK, &waited, nullptr);
  thread_ = std::jthread([this](std::stop_token end) {
    const sigset_t waited = Waited();
    int number = 0;
    while (sigwait(&waited, &number) == 0 && !end.stop_requested()) {
      if (number == kEnd) continue;
      if (stop_.stop_requested()) _exit(kStopped);
      Say("\nstopping: what is in flight has some seconds to finish and be recorded; once more to "
          "leave at once\n");
      stop_.request_stop();
    }
  });
  pthread_setname_np(thread_.native_handle(), "signals");
}

Signals::~Signals() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), kEnd);
}

}  // namespace millrace::cli
