// A wrong clock of this machine, told by the Date of a server's answers.
#ifndef MILLRACE_NET_SERVER_CLOCK_H_
#define MILLRACE_NET_SERVER_CLOCK_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace millrace {

// "this machine's clock is off by 20 minutes; correct it (e.g. with NTP)" if the answer's Date is
// so far from `now` (5 minutes) that servers refuse what is signed by this clock; else "".
std::string ClockHint(const HttpResponse& response, absl::Time now);

// A server's time, as far as its answers tell it. Thread-safe.
class ServerClock {
 public:
  // `ours` outlives it; `server` is what the log calls the server.
  ServerClock(Clock& ours, std::string server);

  // Ours until Learn() has shown that it is wrong.
  absl::Time Now() const;

  // True if the answer's Date is 5 minutes or more from Now(), which then follows it: a request
  // that was refused for its time is worth another try. Logs a warning if our clock is wrong.
  bool Learn(const HttpResponse& response);

 private:
  Clock& ours_;
  const std::string server_;
  mutable absl::Mutex mutex_;
  absl::Duration offset_ ABSL_GUARDED_BY(mutex_);  // the server's time less ours
};

}  // namespace millrace

#endif  // MILLRACE_NET_SERVER_CLOCK_H_
