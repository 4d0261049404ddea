// Decides whether to compress request bodies. Compression helps if the network is the bottleneck; a
// destination on the same machine or rack may accept plain bytes faster than they can be
// compressed.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_COMPRESSION_CHOICE_H_
#define MILLRACE_CONNECTORS_MIXPANEL_COMPRESSION_CHOICE_H_

#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace millrace::mixpanel {

// Compresses until responses arrive within kNear. Then it sends some bodies uncompressed, and
// continues that way if the total time (compressing, sending, waiting for the response) is so much
// shorter that it is worth the longer bodies. It tries the other way again from time to time.
// Shared by all sinks of a run. Thread-safe. docs/adr/0015 has the reasons.
class CompressionChoice {
 public:
  static constexpr absl::Duration kNear = absl::Milliseconds(15);
  static constexpr double kWorthwhile = 1.25;    // required speedup to send plain bodies
  static constexpr int kTrial = 4;               // requests that try the other way
  static constexpr int kRound = 64;              // requests from one trial to the next
  static constexpr size_t kMinBytes = 64 << 10;  // smaller bodies are not measured

  // How to send the next request.
  bool Compress();

  // A request of `bytes` uncompressed bytes took `elapsed` from before compression to its response,
  // without waits for the rate limiter.
  void Took(bool compressed, size_t bytes, absl::Duration elapsed);

 private:
  struct Cost {
    double seconds_per_byte = 0;  // a running mean
    int requests = 0;             // that it is of
  };

  absl::Mutex mutex_;
  std::array<Cost, 2> costs_ ABSL_GUARDED_BY(mutex_);  // plain, compressed
  bool compress_ ABSL_GUARDED_BY(mutex_) = true;       // the better way so far
  bool near_ ABSL_GUARDED_BY(mutex_) = false;
  int requests_in_round_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration quickest_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  int answers_ ABSL_GUARDED_BY(mutex_) = 0;  // that `quickest_` is of
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_COMPRESSION_CHOICE_H_
