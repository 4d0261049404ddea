#include "staypoints/rejected_trips.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

RejectedTrips::RejectedTrips(DeadLetterQueue& dead_letter, std::string output)
    : dead_letter_(dead_letter), output_(std::move(output)) {}

absl::Status RejectedTrips::Begin(const TripFile& file) {
  return dead_letter_.Rewind(KeyOf(file), 0);
}

absl::Status RejectedTrips::Add(const TripFile& file, const std::vector<Rejection>& rejections) {
  if (rejections.empty()) return absl::OkStatus();
  const LedgerKey key = KeyOf(file);
  RETURN_IF_ERROR(dead_letter_.Add(key, rejections));
  absl::MutexLock lock(&mutex_);
  count_ += rejections.size();
  std::pair place(file.object.uri, rejections[0].source_row);
  if (first_.empty() || place < first_place_) {
    first_place_ = std::move(place);
    first_ = StrCat(RowName(key, rejections[0].source_row), ": ", rejections[0].message);
  }
  return absl::OkStatus();
}

absl::Status RejectedTrips::Sync(const TripFile& file) { return dead_letter_.Sync(KeyOf(file)); }

uint64_t RejectedTrips::count() const {
  absl::MutexLock lock(&mutex_);
  return count_;
}

std::string RejectedTrips::first() const {
  absl::MutexLock lock(&mutex_);
  return first_;
}

LedgerKey RejectedTrips::KeyOf(const TripFile& file) const {
  return {file.object.uri, file.object.version, "staypoints", StrCat("staypoints:", output_)};
}

}  // namespace millrace
