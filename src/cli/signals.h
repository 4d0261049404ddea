// SIGINT and SIGTERM as a stop token: the first asks for a clean stop, the second exits at once.
// SIGHUP as a call.
#ifndef MILLRACE_CLI_SIGNALS_H_
#define MILLRACE_CLI_SIGNALS_H_

#include <functional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace::cli {

// Make one in main() before any other thread: it blocks the signals in all threads and waits for
// them in one of its own. A second signal ends the process with exit status 3; nothing that was
// promised is lost by that.
class Signals {
 public:
  Signals();
  ~Signals();
  std::stop_token stop() const { return stop_.get_token(); }

  // From here on SIGHUP calls `handler`, from the thread that waits for signals. Null, as at first:
  // it ends the process, unless that was started to ignore it (nohup). No call is under way when
  // this returns. Not from a handler.
  void SetHangupHandler(std::function<void()> handler);

 private:
  void OnHangup();

  std::stop_source stop_;
  const bool ignores_hangup_;
  absl::Mutex mutex_;
  std::function<void()> on_hangup_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_SIGNALS_H_
