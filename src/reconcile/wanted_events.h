// The missing events of one object, in order of its rows, while the object is read again.
#ifndef MILLRACE_RECONCILE_WANTED_EVENTS_H_
#define MILLRACE_RECONCILE_WANTED_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reconcile/fingerprint_spill.h"

namespace millrace {

// On disk, but for those of some rows. One thread at a time.
class WantedEvents {
 public:
  // `folder` is empty.
  explicit WantedEvents(std::string folder) : spill_(std::move(folder), kSpillMemory) {}

  // Replaces the events by those that `missing` has under `key`.
  absl::Status Load(FingerprintSpill& missing, int64_t key);

  // One past the last row; 0: there are none.
  uint64_t end_row() const { return end_row_; }

  // The events of rows [begin, end), by row.
  absl::StatusOr<std::vector<Fingerprint>> Take(uint64_t begin, uint64_t end);

 private:
  static constexpr size_t kSpillMemory = 4 << 20;
  static constexpr uint64_t kRowsPerBucket = 1 << 16;

  FingerprintSpill spill_;  // by row / kRowsPerBucket
  uint64_t end_row_ = 0;
  int64_t loaded_ = -1;              // bucket
  std::vector<Fingerprint> events_;  // of it, by row
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_WANTED_EVENTS_H_
