// Rows that are not trips: counted, and kept as dead letters.
#ifndef MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_
#define MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/dead_letter_queue.h"
#include "staypoints/trip_source.h"

namespace millrace {

// Thread-safe.
class RejectedTrips {
 public:
  // `output` names the run's destination in the records; `dead_letter` must outlive this.
  RejectedTrips(DeadLetterQueue& dead_letter, std::string output);

  // Discards what an earlier run kept of `file`, because it is read again.
  absl::Status Begin(const TripFile& file);
  // `rejections`: in the order of their rows.
  absl::Status Add(const TripFile& file, const std::vector<Rejection>& rejections);
  // Everything kept of `file` is durable on return.
  absl::Status Sync(const TripFile& file);

  uint64_t count() const;
  // The error of the first file, by name, and its first row, whichever thread saw it first:
  // "trips/a.parquet: row 12: user_id is null; ..."; empty if there is none.
  std::string first() const;

 private:
  LedgerKey KeyOf(const TripFile& file) const;

  DeadLetterQueue& dead_letter_;
  const std::string output_;
  mutable absl::Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::pair<std::string, uint64_t> first_place_ ABSL_GUARDED_BY(mutex_);  // uri and row
  std::string first_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_
