// Where rows go. A write has one of four outcomes. If a sink forgets to report one, the batch
// counts as not delivered.
#ifndef MILLRACE_PIPELINE_SINK_H_
#define MILLRACE_PIPELINE_SINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "pipeline/ledger.h"

namespace millrace {

// A row of the batch that the destination will never accept.
struct RefusedRow {
  size_t row = 0;  // in the batch
  std::string code = "rejected_by_destination";
  std::string field;
  std::string message;
};

// The part of a batch that comes from one object.
struct BatchSpan {
  const LedgerKey* object = nullptr;
  // Identifies the claim of the object: no two claims have the same one.
  const std::string* writer = nullptr;
  // Its rows in the batch.
  size_t first = 0;
  size_t rows = 0;
  // The source rows that the batch settles: of these, those that have no row in the batch were
  // rejected, filtered out or delivered before.
  uint64_t begin_row = 0;
  uint64_t end_row = 0;
};

// The outcome of a write. The default is "outcome unknown": not delivered.
class [[nodiscard]] WriteResult {
 public:
  WriteResult() : status_(absl::UnknownError("the sink reported no outcome")) {}

  // All rows are durable at the destination, except the listed ones, which never will be.
  // `fenced`: indexes of the spans of which nothing was stored, because another writer has claimed
  // their objects at the destination (DeliveryCursor).
  static WriteResult Durable(std::vector<RefusedRow> refused = {}, std::vector<size_t> fenced = {});
  // The outcome of every row is unknown: send the batch again, after `retry_after` at the earliest.
  // `throttled`: the destination asked for a lower rate.
  static WriteResult Retry(absl::Status why, absl::Duration retry_after = absl::ZeroDuration(),
                           bool throttled = false);
  // The outcome is unknown and a retry will not help (wrong credentials): the run must stop.
  static WriteResult Stop(absl::Status why);
  // No row is stored: in every part of the batch, the destination refused all rows with the same
  // message and named none. Run() decides whether the rows are to blame
  // (pipeline/whole_refusals.h).
  static WriteResult RefusedWhole(absl::Status why);

  bool durable() const { return status_.ok(); }
  bool retryable() const { return retryable_; }
  bool throttled() const { return throttled_; }
  bool refused_whole() const { return refused_whole_; }
  const absl::Status& status() const { return status_; }
  absl::Duration retry_after() const { return retry_after_; }
  const std::vector<RefusedRow>& refused() const { return refused_; }  // by row, ascending
  const std::vector<size_t>& fenced() const { return fenced_; }        // ascending

 private:
  absl::Status status_;
  bool retryable_ = true;
  bool throttled_ = false;
  bool refused_whole_ = false;
  absl::Duration retry_after_ = absl::ZeroDuration();
  std::vector<RefusedRow> refused_;
  std::vector<size_t> fenced_;
};

// One thread at a time: Run() makes one per worker, so a Sink can own a connection and buffers.
// Contract: pipeline/testing/sink_contract.h.
class Sink {
 public:
  virtual ~Sink() = default;

  // Sends the batch; blocking. `spans` say where its rows come from, in order and without gaps;
  // they are empty if the run has not claimed the objects in the destination's cursor. `stop` ends
  // waits (rate limits) and makes the outcome Retry(Cancelled); a request in flight may be
  // finished, but within a bounded time. If the destination takes less than a batch at a time, the
  // sink sends it in parts. If some parts are durable and the others unknown, the outcome is Retry,
  // and the next Write() of the same batch may send only the rest.
  virtual WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                            std::stop_token stop) = 0;
};

using SinkFactory = std::function<std::unique_ptr<Sink>()>;

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SINK_H_
