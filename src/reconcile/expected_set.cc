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

ExpectedSet::ExpectedSet(std::vector<Fingerprint> ours, Repeats repeats)
    : repeats_(repeats), ours_(std::move(ours)) {
  std::sort(ours_.begin(), ours_.end());
  if (repeats == Repeats::kOnce) {
    const auto same = [](const Fingerprint& a, const Fingerprint& b) { return a.id == b.id; };
    ours_.erase(std::unique(ours_.begin(), ours_.end(), same), ours_.end());
  }
  Reset();
}

void ExpectedSet::Reset() {
  found_.assign(ours_.size(), false);
  counts_ = {};
  for (const Fingerprint& one : ours_) counts_.expected += one.optional == 0;
}

ExpectedSet::Match ExpectedSet::Mark(const Hash128& id) {
  const auto by_id = [](const Fingerprint& a, const Fingerprint& b) { return a.id < b.id; };
  const auto [first, last] =
      std::equal_range(ours_.begin(), ours_.end(), Fingerprint{.id = id}, by_id);
  if (first == last) {
    ++counts_.unexpected;
    return Match::kUnexpected;
  }
  const auto end = found_.begin() + (last - ours_.begin());
  const auto next = std::partition_point(found_.begin() + (first - ours_.begin()), end,
                                         [](bool is_found) { return is_found; });
  if (next == end) {
    if (repeats_ == Repeats::kOnce && first->optional != 0) return Match::kOurs;
    ++counts_.duplicates;
    return Match::kDuplicate;
  }
  *next = true;
  counts_.found += ours_[static_cast<size_t>(next - found_.begin())].optional == 0;
  return Match::kOurs;
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
