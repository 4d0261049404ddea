// Compares what must be at the destination with what is there: no files, no network.
#ifndef MILLRACE_RECONCILE_EXPECTED_SET_H_
#define MILLRACE_RECONCILE_EXPECTED_SET_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "reconcile/fingerprint_spill.h"

namespace millrace {

struct MatchCounts {
  uint64_t expected = 0;    // our events
  uint64_t found = 0;       // of those, at the destination
  uint64_t duplicates = 0;  // further copies there of our events
  uint64_t unexpected = 0;  // events there that are not ours

  uint64_t missing() const { return expected - found; }
  MatchCounts& operator+=(const MatchCounts& other);
};

// How rows with the same identity count.
enum class Repeats {
  kOnce,  // as one event, that of the first row (by object and row)
  kEach,  // as an event each
};

class ExpectedSet {
 public:
  // An optional row is neither expected nor unexpected. Its duplicates count only if each repeat
  // does.
  ExpectedSet(std::vector<Fingerprint> ours, Repeats repeats);

  enum class Match { kOurs, kDuplicate, kUnexpected };
  // Marks that an event with this identity is at the destination, once more.
  Match Mark(const Hash128& id);
  // Clears all marks.
  void Reset();

  const MatchCounts& counts() const { return counts_; }
  // The missing rows in order of object and row; ends the set.
  std::vector<Fingerprint> TakeMissing() &&;

 private:
  const Repeats repeats_;
  std::vector<Fingerprint> ours_;  // by id
  std::vector<bool> found_;        // of rows with the same identity: the first ones
  MatchCounts counts_;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_EXPECTED_SET_H_
