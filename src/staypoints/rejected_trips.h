// Rows that are no trips: counted, and kept in the dead letter.
#ifndef MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_
#define MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/dead_letter.h"
#include "staypoints/trip_source.h"

namespace millrace {

// Thread-safe.
class RejectedTrips {
 public:
  // `output` names the run's destination in the records; `dead_letter` must outlive this.
  RejectedTrips(DeadLetter& dead_letter, std::string output);

  // What an earlier run kept of `file` is forgotten: it is read anew.
  absl::Status Begin(const TripFile& file);
  absl::Status Add(const TripFile& file, const std::vector<Rejection>& rejections);
  // All that was kept of `file` is durable on return.
  absl::Status Sync(const TripFile& file);

  uint64_t count() const;
  // The first that was seen: "trips/a.parquet: row 12: user_id is null; ..."; empty if none was.
  std::string first() const;

 private:
  LedgerKey KeyOf(const TripFile& file) const;

  DeadLetter& dead_letter_;
  const std::string output_;
  mutable absl::Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string first_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_REJECTED_TRIPS_H_
