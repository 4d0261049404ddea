#include "cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <utility>

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
  sigaddset(&set, SIGHUP);
  sigaddset(&set, kEnd);
  return set;
}

bool IsIgnored(int number) {
  struct sigaction action = {};
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void Say(const char* text) {
  // A failed write to stderr is ignored.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

}  // namespace

Signals::Signals() : ignores_hangup_(IsIgnored(SIGHUP)) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write past `ulimit -f` fails with EFBIG
  const sigset_t waited = Waited();
  pthread_sigmask(SIG_BLOCK, &waited, nullptr);
  thread_ = std::jthread([this](std::stop_token end) {
    const sigset_t waited = Waited();
    int number = 0;
    while (sigwait(&waited, &number) == 0 && !end.stop_requested()) {
      if (number == kEnd) continue;
      if (number == SIGHUP) {
        OnHangup();
        continue;
      }
      if (stop_.stop_requested()) _exit(kStopped);
      Say("\nstopping: finishing writes in flight (may take some seconds). Press Ctrl-C again to "
          "exit immediately.\n");
      stop_.request_stop();
    }
  });
  pthread_setname_np(thread_.native_handle(), "signals");
}

Signals::~Signals() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), kEnd);
}

void Signals::SetHangupHandler(std::function<void()> handler) {
  absl::MutexLock lock(&mutex_);
  on_hangup_ = std::move(handler);
}

void Signals::OnHangup() {
  {
    absl::MutexLock lock(&mutex_);
    if (on_hangup_) return on_hangup_();
  }
  if (ignores_hangup_) return;
  // The default action, as without this class.
  signal(SIGHUP, SIG_DFL);
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  raise(SIGHUP);
  pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
}

}  // namespace millrace::cli
