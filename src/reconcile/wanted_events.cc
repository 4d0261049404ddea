#include "reconcile/wanted_events.h"

#include <algorithm>

#include "base/status.h"

namespace millrace {

absl::Status WantedEvents::Load(FingerprintSpill& missing, int64_t key) {
  RETURN_IF_ERROR(spill_.Clear());
  end_row_ = 0;
  loaded_ = -1;
  absl::Status status;
  RETURN_IF_ERROR(missing.ForEach(key, [&](const Fingerprint& one) {
    status.Update(spill_.Add(static_cast<int64_t>(one.row / kRowsPerBucket), one));
    end_row_ = std::max(end_row_, one.row + 1);
  }));
  return status;
}

absl::StatusOr<std::vector<Fingerprint>> WantedEvents::Take(uint64_t begin, uint64_t end) {
  std::vector<Fingerprint> taken;
  end = std::min(end, end_row_);
  while (begin < end) {
    const auto bucket = static_cast<int64_t>(begin / kRowsPerBucket);
    if (bucket != loaded_) {
      events_.clear();
      RETURN_IF_ERROR(
          spill_.ForEach(bucket, [&](const Fingerprint& one) { events_.push_back(one); }));
      std::ranges::sort(events_, {}, &Fingerprint::row);
      loaded_ = bucket;
    }
    const auto first = std::ranges::lower_bound(events_, begin, {}, &Fingerprint::row);
    const auto last = std::ranges::lower_bound(events_, end, {}, &Fingerprint::row);
    taken.insert(taken.end(), first, last);
    begin = (begin / kRowsPerBucket + 1) * kRowsPerBucket;
  }
  return taken;
}

}  // namespace millrace
