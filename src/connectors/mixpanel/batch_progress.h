// The progress of one batch: which rows must still be sent and which were refused. Lets a partly
// delivered batch be resumed where it stopped. Pure.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_
#define MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/batch.h"
#include "connectors/mixpanel/request_split.h"
#include "pipeline/batch_identity.h"
#include "pipeline/sink.h"

namespace millrace::mixpanel {

// One batch at a time.
//
// A range that the destination refused without naming a row is searched: it is halved until the bad
// rows are isolated, with at most kMaxSearchRequests more requests per batch; then ranges that are
// still refused are rejected as a whole. If everything is refused with the same message, the whole
// batch is (refused_whole()) once all rows were sent, or kMaxRefusals requests, among them single
// rows from all over the batch.
class BatchProgress {
 public:
  // Enough to find about a dozen bad rows among 2,000.
  static constexpr int kMaxSearchRequests = 256;
  // Ranges, then single rows, that were refused before a batch counts as refused whole.
  static constexpr int kMaxRefusedRanges = 15;  // a range, its halves, their halves, theirs
  static constexpr int kMaxRefusedProbes = 16;
  static constexpr int kMaxRefusals = kMaxRefusedRanges + kMaxRefusedProbes;

  // `in_order`: rows are sent in ascending order even if ranges are searched, which updates of one
  // profile require. A batch that is refused whole then uses the entire search.
  explicit BatchProgress(bool in_order) : in_order_(in_order) {}

  // Resumes `batch` if it is the one that was set aside, identified by its content and source rows,
  // not by its address; else begins it.
  void Begin(const Batch& batch);
  // Remembers the progress of `batch` for the next Begin().
  void PutAside(const Batch& batch);

  bool finished() const { return open_.empty(); }
  // The next rows to send: not empty unless finished().
  RowRange next() const { return open_.front(); }
  // The destination has refused everything with the same message: call Finish() and use words().
  bool refused_whole() const;
  const std::string& words() const { return words_; }

  // `rows`, from the front of next(), are durable except `refused` (rows counted from rows.begin).
  void Complete(RowRange rows, std::vector<RefusedRow> refused);
  // `rows`, from the front of next(), will never be accepted, for a reason of their own.
  void Refuse(RowRange rows, std::string_view code, std::string_view message);
  // `rows`, from the front of next(), are to be sent in two halves, in order.
  void Split(RowRange rows);
  // The destination refused `rows`, from the front of next(), with the message `words` and named
  // none.
  void SearchRefused(RowRange rows, std::string_view words);
  // The response for `rows`, from the front of next(), contradicts itself: they are halved. False
  // if they cannot be halved or the search limit is reached: then nothing has changed.
  bool SearchUnclear(RowRange rows);

  // The refused rows, ascending; forgets the batch.
  std::vector<RefusedRow> Finish();

 private:
  void TakeFromNext(RowRange rows);
  // Halves `rows`, which were taken, if that is still allowed.
  bool Halve(RowRange rows);
  void AddProbes();

  const bool in_order_;
  std::deque<RowRange> open_;
  std::vector<RefusedRow> refused_;
  int search_requests_left_ = 0;
  int refusals_ = 0;         // requests refused without naming a row
  std::string words_;        // of these
  bool told_apart_ = false;  // a row was accepted or named, or the words differ
  bool moved_ = false;       // something differs from a batch just begun
  std::optional<BatchIdentity> aside_;
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_BATCH_PROGRESS_H_
