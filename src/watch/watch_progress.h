// Live numbers of a watch, readable from any thread.
#ifndef MILLRACE_WATCH_WATCH_PROGRESS_H_
#define MILLRACE_WATCH_WATCH_PROGRESS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/histogram.h"
#include "import/import.h"
#include "watch/object_notification.h"

namespace millrace::watch {

struct WatchProgress {
  explicit WatchProgress(size_t destinations = 1) : imports(destinations) {}

  static constexpr size_t kOutcomes = static_cast<size_t>(NotificationOutcome::kStopped) + 1;

  // By destination. The first one also counts what concerns the source alone: objects that match no
  // entry or are hidden, and warnings of the listing.
  std::vector<ImportProgress> imports;
  std::atomic<uint64_t> notifications{0};
  std::array<std::atomic<uint64_t>, kOutcomes> outcomes{};  // of objects, by NotificationOutcome
  std::atomic<uint64_t> retries{0};                         // of objects, by the watch itself
  std::atomic<uint64_t> objects_waiting{0};                 // to be imported or retried
  std::atomic<uint64_t> objects_in_progress{0};
  std::atomic<uint64_t> objects_failing{0};        // whose last attempt failed
  std::atomic<uint64_t> config_reloads{0};         // changed configs that are in use
  std::atomic<uint64_t> config_reloads_failed{0};  // that cannot be used
  std::atomic<bool> config_invalid{false};         // the last config read cannot be used
  // From the write of an object until the ledger records it as done; seconds.
  Histogram object_latency{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200};
  Histogram request_duration{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600};

  void Count(NotificationOutcome outcome) { ++outcomes[static_cast<size_t>(outcome)]; }
  uint64_t count(NotificationOutcome outcome) const {
    return outcomes[static_cast<size_t>(outcome)];
  }
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_WATCH_PROGRESS_H_
