#include "reconcile/expected_set.h"

#include <algorithm>
#include <utility>

namespace millrace {

MatchCounts& MatchCounts::operator+=(const MatchCounts& other) {
  expected += other.expected;
  found += other.found;
  duplicates += other.duplicates;
  unexpected += other.unexpected;
  return *this;
}

ExpectedSet::ExpectedSet(std::vector<Fingerprint> ours) : ours_(std::move(ours)) {
  std::sort(ours_.begin(), ours_.end());
  const auto same = [](const Fingerprint& a, const Fingerprint& b) { return a.id == b.id; };
  ours_.erase(std::unique(ours_.begin(), ours_.end(), same), ours_.end());
  Reset();
}

void ExpectedSet::Reset() {
  found_.assign(ours_.size(), false);
  counts_ = {};
  for (const Fingerprint& one : ours_) counts_.expected += one.optional == 0;
}

bool ExpectedSet::Mark(const Hash128& id) {
  const auto place = std::lower_bound(
      ours_.begin(), ours_.end(), id,
      [](const Fingerprint& one, const Hash128& wanted) { return one.id < wanted; });
  if (place == ours_.end() || place->id != id) {
    ++counts_.unexpected;
    return false;
  }
  if (place->optional != 0) return true;
  const size_t i = static_cast<size_t>(place - ours_.begin());
  ++(found_[i] ? counts_.duplicates : counts_.found);
  found_[i] = true;
  return true;
}

std::vector<Fingerprint> ExpectedSet::TakeMissing() && {
  size_t kept = 0;
  for (size_t i = 0; i < ours_.size(); ++i) {
    if (!found_[i] && ours_[i].optional == 0) ours_[kept++] = ours_[i];
  }
  ours_.resize(kept);
  std::sort(ours_.begin(), ours_.end(), [](const Fingerprint& a, const Fingerprint& b) {
    return std::tie(a.object, a.row, a.id) < std::tie(b.object, b.row, b.id);
  });
  return std::move(ours_);
}

}  // namespace millrace
