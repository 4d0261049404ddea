// Where rows go. A write has four outcomes only; forgetting to report one fails safe.
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
#include "base/batch.h"

namespace millrace {

// One row of the batch that never will be accepted.
struct RefusedRow {
  size_t row = 0;  // in the batch
  std::string code = "rejected_by_destination";
  std::string field;
  std::string message;
};

// The outcome of a write. A default-made one is "nothing known": not delivered.
class [[nodiscard]] WriteResult {
 public:
  WriteResult() : status_(absl::UnknownError("the sink reported no outcome")) {}

  // Everything is durable at the destination, but the listed rows, which never will be.
  static WriteResult Durable(std::vector<RefusedRow> refused = {});
  // Nothing is known of any row: send the batch again, not before `retry_after`. `throttled`: the
  // destination asked for less load.
  static WriteResult Retry(absl::Status why, absl::Duration retry_after = absl::ZeroDuration(),
                           bool throttled = false);
  // Nothing is known, and sending again will not help (wrong credentials): the run must stop.
  static WriteResult Stop(absl::Status why);
  // No row is stored: in everything that was sent, the destination refused all rows in the same
  // words and named none. Run() decides whether the rows are to blame (pipeline/whole_refusals.h).
  static WriteResult RefusedWhole(absl::Status why);

  bool durable() const { return status_.ok(); }
  bool retryable() const { return retryable_; }
  bool throttled() const { return throttled_; }
  bool refused_whole() const { return refused_whole_; }
  const absl::Status& status() const { return status_; }
  absl::Duration retry_after() const { return retry_after_; }
  const std::vector<RefusedRow>& refused() const { return refused_; }  // by row, ascending

 private:
  absl::Status status_;
  bool retryable_ = true;
  bool throttled_ = false;
  bool refused_whole_ = false;
  absl::Duration retry_after_ = absl::ZeroDuration();
  std::vector<RefusedRow> refused_;
};

// One thread at a time: Run() makes one per worker, so a Sink can own a connection and buffers.
// Contract: pipeline/testing/sink_contract.h.
class Sink {
 public:
  virtual ~Sink() = default;

  // Sends the batch; blocking. `stop` ends waits (pacing), and makes the outcome Retry(Cancelled);
  // what is on its way may be finished, but within a bounded time.
  // A sink whose destination takes less than a batch at a time sends it in parts; when some parts
  // are durable and others not known, the outcome is Retry, and the next Write of the same batch
  // may send only the rest.
  virtual WriteResult Write(const Batch& batch, std::stop_token stop) = 0;
};

using SinkFactory = std::function<std::unique_ptr<Sink>()>;

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SINK_H_
