// Batches into Mixpanel: /import (strict) for events, /engage and /groups for profiles.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_
#define MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"
#include "pipeline/sink.h"

namespace millrace::mixpanel {

class Pacer;

// What all sinks of a run share. Outlives them. Thread-safe.
struct ImportTarget {
  Endpoints endpoints;
  Credentials credentials;
  std::string project_id;  // with a service account
  enum class Kind { kEvents, kUsers, kGroups } kind = Kind::kEvents;
  size_t most_events = 2000;      // per request
  size_t most_bytes = 9'600'000;  // uncompressed, per request; checked before appending
  // After a 413 all sinks go on with this many bytes at most (starts at most_bytes, then 2 MB, then
  // halves).
  std::atomic<size_t> bytes_limit{9'600'000};
  bool gzip = true;        // not used for profiles: /engage does not take it
  Pacer* pacer = nullptr;  // null: no pacing
  // Counters for the summary.
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> bytes_sent{0};   // on the wire, bodies only
  std::atomic<uint64_t> bytes_plain{0};  // uncompressed
};

// Keeps a project under its quota: token buckets of events and uncompressed bytes. Thread-safe.
class Pacer {
 public:
  // 0: unlimited. Mixpanel: 30,000 events/s and 2 GB/min.
  Pacer(double events_per_second, double bytes_per_second, Clock& clock);
  // Waits until `events` and `bytes` may be sent; false if `stop` was requested first.
  bool Acquire(uint64_t events, uint64_t bytes, std::stop_token stop);

 private:
  Clock& clock_;
  const double events_per_second_;
  const double bytes_per_second_;
  absl::Mutex mutex_;
  double events_due_ ABSL_GUARDED_BY(mutex_) = 0;  // when the bucket is even again, clock seconds
  double bytes_due_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Outcomes (docs: mixpanel_api section 3.4 and 3.5): 200 -> Durable; 400 with failed_records
// (either shape, either id key) -> Durable with those refused; 400 that names no record -> all rows
// refused; 401/403 -> Stop; 413 -> split and resend, a single event refused; 429 ->
// Retry(throttled); 408, 5xx, no answer -> Retry; other 4xx -> Stop. A 200 whose
// num_records_imported is not what was sent, or whose body is not Mixpanel's, is a lie told by a
// proxy: Retry.
std::unique_ptr<Sink> NewMixpanelSink(ImportTarget& target, std::unique_ptr<HttpClient> http,
                                      Clock& clock = Clock::Real());

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_MIXPANEL_SINK_H_
