// The sandbox's counters beside those of its stores, and the last records it rejected.
#ifndef MILLRACE_SANDBOX_STATS_H_
#define MILLRACE_SANDBOX_STATS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace millrace::sandbox {

struct RejectedRecord {
  uint64_t id = 0;  // 1, 2, ...
  int64_t received_ms = 0;
  std::string path;
  std::string field;
  std::string message;
  std::string record;  // the beginning of its text; not always UTF-8
};

// The last few hundred. Thread-safe.
class RejectedRecords {
 public:
  void Add(RejectedRecord record);  // sets the id, truncates the text
  // Those with an id above `after`, at most the last `most`.
  std::vector<RejectedRecord> After(uint64_t after, size_t max);
  uint64_t last_id();
  void Clear();

 private:
  absl::Mutex mutex_;
  std::deque<RejectedRecord> records_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Of requests since the start or the last reset.
struct Stats {
  std::atomic<uint64_t> requests{0};     // including those that a fault rejected
  std::atomic<uint64_t> received{0};     // events of requests that were processed
  std::atomic<uint64_t> rejected{0};     // events that were not accepted
  std::atomic<uint64_t> bytes{0};        // of bodies, as received
  std::atomic<uint64_t> bytes_plain{0};  // the same, decompressed
  std::atomic<uint64_t> profile_updates{0};
  std::atomic<uint64_t> profile_updates_rejected{0};
  std::atomic<uint64_t> exports{0};          // admitted by the limits
  std::atomic<uint64_t> queries{0};          // of profiles, cohorts and JQL; admitted by the limits
  std::atomic<uint64_t> queries_limited{0};  // exports and queries that a limit refused
  RejectedRecords rejected_records;

  void Reset();
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_STATS_H_
