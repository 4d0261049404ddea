// SIGINT and SIGTERM as a stop token: the first requests a clean stop, the second exits
// immediately. SIGHUP as a call.
#ifndef MILLRACE_CLI_SIGNALS_H_
#define MILLRACE_CLI_SIGNALS_H_

#include <functional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace::cli {

// Create one in main() before any other thread: it blocks the signals in all threads and waits for
// them in its own thread. A second signal ends the process with exit status 3; that loses nothing
// that was promised.
class Signals {
 public:
  Signals();
  ~Signals();
  std::stop_token stop() const { return stop_.get_token(); }

  // Makes SIGHUP call `handler`, from the thread that waits for signals. Null, the initial state:
  // SIGHUP ends the process, unless the process was started to ignore it (nohup). When this
  // returns, no call of the previous handler is running. Must not be called from a handler.
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
