// Detects a wrong clock of this machine from the Date of a server's responses.
#ifndef MILLRACE_NET_SERVER_CLOCK_H_
#define MILLRACE_NET_SERVER_CLOCK_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/http_client.h"

namespace millrace {

// "this machine's clock is off by 20 minutes; correct it (e.g. with NTP)" if the response's Date
// differs from `now` by 5 minutes or more, so that servers refuse requests signed with this clock;
// else "".
std::string ClockHint(const HttpResponse& response, absl::Time now);

// A server's time, learned from its responses. Thread-safe.
class ServerClock {
 public:
  // `ours` outlives it; `server` is the server's name in the log.
  ServerClock(Clock& ours, std::string server);

  // Our time until Learn() has found that it is wrong.
  absl::Time Now() const;

  // True if the response's Date is 5 minutes or more from Now(), which is then adjusted to it: a
  // request that was refused for its time is worth a retry. Logs a warning if our clock is wrong.
  bool Learn(const HttpResponse& response);

 private:
  Clock& ours_;
  const std::string server_;
  mutable absl::Mutex mutex_;
  absl::Duration offset_ ABSL_GUARDED_BY(mutex_);  // the server's time minus ours
};

}  // namespace millrace

#endif  // MILLRACE_NET_SERVER_CLOCK_H_
