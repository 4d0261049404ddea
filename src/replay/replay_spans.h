// Replays into a destination with a cursor: what it has already is not sent again, and what is sent
// is recorded there, so that a replay that was killed repeats nothing.
#ifndef MILLRACE_REPLAY_REPLAY_SPANS_H_
#define MILLRACE_REPLAY_REPLAY_SPANS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/batch.h"
#include "base/retrier.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/sink.h"

namespace millrace {

// The record that rows of a batch come from.
struct ReplayedRow {
  const LedgerKey* object = nullptr;
  uint64_t row = 0;  // of the object
};

// One thread at a time.
class ReplaySpans {
 public:
  // Both outlive it.
  ReplaySpans(DeliveryCursor& cursor, Retrier& retrier);

  // Prepares the write of `batch`, whose source rows are indexes of `records`. A record has a row
  // of its own in the cursor, apart from those of its object's import. Errors of the cursor.
  absl::Status Prepare(const Batch& batch, const std::vector<ReplayedRow>& records,
                       std::stop_token stop);

  // The outcomes of the batch are recorded: its records are not replayed again, unless they were
  // refused.
  void Release();

  // The rows that the destination lacks, with their rows of the objects as source rows.
  const Batch& batch() const { return batch_; }
  const std::vector<BatchSpan>& spans() const { return spans_; }
  // The row of the original batch that row `row` of batch() is.
  size_t OriginalRow(size_t row) const { return original_rows_[row]; }

 private:
  // The object as the cursor knows it, with the rows that are there.
  struct Claimed {
    LedgerKey key;
    RowRanges rows;
  };
  absl::Status Claim(const LedgerKey& object, std::stop_token stop);

  DeliveryCursor& cursor_;
  Retrier& retrier_;
  const std::string writer_;
  std::map<LedgerKey, Claimed> claimed_;  // of this batch
  Batch batch_;
  std::vector<BatchSpan> spans_;
  std::vector<size_t> original_rows_;
};

}  // namespace millrace

#endif  // MILLRACE_REPLAY_REPLAY_SPANS_H_
