// Compares what must be at the destination with what is there: no files, no network.
#ifndef MILLRACE_RECONCILE_EXPECTED_SET_H_
#define MILLRACE_RECONCILE_EXPECTED_SET_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "reconcile/fingerprint_spill.h"

namespace millrace {

struct MatchCounts {
  uint64_t expected = 0;    // our distinct identities
  uint64_t found = 0;       // of those, at the destination
  uint64_t duplicates = 0;  // further copies there of found ones
  uint64_t unexpected = 0;  // events there that are not ours

  uint64_t missing() const { return expected - found; }
  MatchCounts& operator+=(const MatchCounts& other);
};

class ExpectedSet {
 public:
  // Rows with the same identity count once, for the first of them (by object and row). An optional
  // row is neither expected nor unexpected.
  explicit ExpectedSet(std::vector<Fingerprint> ours);

  // Marks that an event with this identity is at the destination. False if it is not ours.
  bool Mark(const Hash128& id);
  // Clears all marks.
  void Reset();

  const MatchCounts& counts() const { return counts_; }
  // The missing rows in order of object and row; ends the set.
  std::vector<Fingerprint> TakeMissing() &&;

 private:
  std::vector<Fingerprint> ours_;  // by id
  std::vector<bool> found_;
  MatchCounts counts_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_EXPECTED_SET_H_
