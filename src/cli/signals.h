// SIGINT and SIGTERM as a stop token: the first asks for a clean stop, the second exits at once.
#ifndef MILLRACE_CLI_SIGNALS_H_
#define MILLRACE_CLI_SIGNALS_H_

#include <stop_token>
#include <thread>

namespace millrace::cli {

// Make one in main() before any other thread: it blocks the signals in all threads and waits for
// them in one of its own. A second signal ends the process with exit status 3; nothing that was
// promised is lost by that.
class Signals {
 public:
  Signals();
  ~Signals();
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_SIGNALS_H_
