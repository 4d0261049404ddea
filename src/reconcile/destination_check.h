// Compares the fingerprints of our rows with the events at the destination, some days at a time.
#ifndef MILLRACE_RECONCILE_DESTINATION_CHECK_H_
#define MILLRACE_RECONCILE_DESTINATION_CHECK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_identity.h"
#include "base/retrier.h"
#include "pipeline/event_reader.h"
#include "reconcile/day_span.h"
#include "reconcile/expected_set.h"
#include "reconcile/fingerprint_spill.h"

namespace millrace {

// Different keys in the order in which they were added.
class KeyList {
 public:
  const std::vector<std::string>& keys() const { return keys_; }
  size_t size() const { return keys_.size(); }
  void Add(const std::string& key) {
    if (known_.insert(key).second) keys_.push_back(key);
  }
  void Truncate(size_t size) {
    for (; keys_.size() > size; keys_.pop_back()) known_.erase(keys_.back());
  }

 private:
  std::vector<std::string> keys_;
  absl::flat_hash_set<std::string> known_;
};

// In milliseconds since 1970: [begin, end).
struct MillisRange {
  int64_t begin = 0;
  int64_t end = 0;
};

class DestinationCheck {
 public:
  struct Options {
    size_t max_rows = 2'000'000;  // our rows in memory at a time
    size_t max_listed = 20;       // unexpected events that are listed, and duplicate ones
    RetryPolicy retry;
    std::optional<MillisRange> all_of;
  };
  // Two empty folders, for days with more than max_rows.
  struct Folders {
    std::string ours;
    std::string theirs;
  };

  // `ours` has the day (EventIdentity::day) as its key. With `all_of`, all events of these times at
  // the destination are compared; otherwise those of the days of `ours` whose name is in `names`.
  // All must outlive the check.
  DestinationCheck(Options options, Folders folders, FingerprintSpill& ours,
                   const absl::flat_hash_set<std::string>& names, EventReader& reader,
                   Clock& clock);

  // Reads the days and compares them with `ours`; starts again if it fails halfway. Adds missing
  // rows to `missing`, with their object as the key.
  absl::StatusOr<MatchCounts> Check(const DaySpan& span, FingerprintSpill& missing,
                                    std::stop_token stop);

  // The keys (EventIdentity::key) of the first unexpected events. Those of days with more than
  // max_rows are counted only.
  const std::vector<std::string>& unexpected() const { return unexpected_.keys(); }
  // The same for duplicates, of a destination that keeps repeats.
  const std::vector<std::string>& duplicates() const { return duplicates_.keys(); }
  uint64_t requests() const { return requests_; }

 private:
  absl::StatusOr<MatchCounts> CheckAtOnce(const DaySpan& span, FingerprintSpill& missing,
                                          std::stop_token stop);
  absl::StatusOr<MatchCounts> CheckInParts(const DaySpan& span, FingerprintSpill& missing,
                                           std::stop_token stop);
  absl::Status Fetch(const DaySpan& span, const std::function<absl::Status()>& begin,
                     const EventReader::OnEvent& visit, std::stop_token stop);
  bool IsCompared(const EventIdentity& event) const;
  Repeats repeats() const { return reader_.keeps_repeats() ? Repeats::kEach : Repeats::kOnce; }
  void List(ExpectedSet::Match match, const std::string& key);

  const Options options_;
  const Folders folders_;
  FingerprintSpill& ours_;
  const absl::flat_hash_set<std::string>& names_;
  EventReader& reader_;
  Retrier retrier_;
  KeyList unexpected_;
  KeyList duplicates_;
  uint64_t requests_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_DESTINATION_CHECK_H_
