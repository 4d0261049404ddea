// Run() delivers each row at least once: it reads, transforms, writes with one retry policy, sends
// rejections to the dead-letter queue, advances the ledger and acknowledges objects to the source.
#ifndef MILLRACE_PIPELINE_RUN_H_
#define MILLRACE_PIPELINE_RUN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/retry_policy.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/delivery_cursor.h"
#include "pipeline/ledger.h"
#include "pipeline/replacement.h"
#include "pipeline/sink.h"
#include "pipeline/source.h"
#include "pipeline/staging.h"
#include "pipeline/transform.h"

namespace millrace {

struct RunOptions {
  // Writes in flight. The run starts with `initial_writes`, goes up to `max_writes` while the
  // destination is slow to respond, and halves the number when it is throttled.
  int initial_writes = 4;
  int max_writes = 20;
  // Bytes held by all chunks and batches in flight. One larger chunk is still admitted, alone.
  size_t max_bytes = 64 << 20;
  // The number of runs that share `max_bytes` in equal parts. It may grow while they run.
  // Null: one.
  const std::atomic<int>* sharing_runs = nullptr;
  // A batch smaller than this (in both rows and bytes) is joined with the next chunk's before it
  // is sent.
  size_t join_rows = 1000;
  size_t join_bytes = 512 << 10;
  // How long a small batch waits for the next chunk; not at all if the source has none ready.
  absl::Duration max_delay = absl::Seconds(1);
  // How long it waits for input although the source has none ready. Its rows count before they are
  // transformed. For destinations that take few large writes better than many small ones.
  absl::Duration linger = absl::ZeroDuration();
  // A batch is written when it reaches this size, even if its chunk is not complete; at most an
  // eighth of `max_bytes`. A row is never split.
  size_t write_batch_bytes = 4 << 20;
  RetryPolicy retry;
  // The minimum time between two stores of a ledger row, unless the ledger requires a longer one.
  // If stores are slow, it is extended up to 200 ms, so that they take a small share of the time.
  absl::Duration ledger_interval = absl::ZeroDuration();
  absl::Duration lease = absl::Minutes(5);
  // When a staged destination commits. It sets the limits; its `bytes` are lowered to at most
  // `max_staging_bytes`.
  CommitLimits commit;
  size_t max_staging_bytes = SIZE_MAX;
  // The time after a stop to record in the ledger what the destination has accepted, and to stage
  // and commit what was read.
  absl::Duration stop_grace = absl::Seconds(10);
};

// Live counters, readable from any thread. Runs that are given the same counters add to them.
struct RunProgress {
  std::atomic<uint64_t> rows_read{0};
  std::atomic<uint64_t> rows_accepted{0};
  std::atomic<uint64_t> rows_rejected{0};
  std::atomic<uint64_t> rows_filtered{0};
  std::atomic<uint64_t> events_accepted{0};
  std::atomic<uint64_t> writes{0};
  std::atomic<uint64_t> retries{0};
  std::atomic<int> writes_in_flight{0};
  std::atomic<uint64_t> objects_done{0};
};

struct RunReport {
  // Ok: the source was read to its end and everything is accounted for (rejections and failed
  // objects may exist); no rows are pending. Cancelled: a stop was requested. Otherwise the error
  // that stopped the run.
  absl::Status status;
  Counts counts;         // of this run; pending() = read but not accounted for in the ledger
  uint64_t objects = 0;  // objects with at least one chunk read
  uint64_t objects_done = 0;
  uint64_t objects_failed = 0;  // ended by Chunk::error
  // How often another worker took over an object, or a commit that covers it was given up. Whoever
  // claims the object next accounts for the rows that this run had not recorded by then. The source
  // was notified and made sure that the object is done.
  uint64_t objects_lost = 0;
  uint64_t writes = 0;      // calls of Sink::Write() or StagedSink::Stage()
  uint64_t retries = 0;     // writes of a batch that was written before
  std::string first_error;  // the first rejection or failure, with object and row; empty: none
};

// The factories are called one at a time.
struct RunParts {
  Source& source;
  TransformFactory make_transform;
  SinkFactory make_sink;  // null with `staging` and `replacement`
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  DeliveryCursor* cursor = nullptr;    // of the sinks' destination, if it has one
  Staging* staging = nullptr;          // of a staged destination; then Run() commits
  Replacement* replacement = nullptr;  // then Run() replaces
  std::string replacing_object = {};   // LedgerKey::object of the only one that may replace
  Clock& clock = Clock::Real();
};

// Runs until the source ends, `stop` is requested (writes in flight are then finished and recorded,
// and unfinished objects released) or a permanent error occurs. The ledger moves past a row only
// after each of its events was accepted at least once or the row is in the dead-letter queue. A run
// that replaces moves the ledger once, when all of its object has replaced the scope.
// Blocking; owns its threads.
RunReport Run(RunParts parts, const RunOptions& options, std::stop_token stop,
              RunProgress* progress = nullptr);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RUN_H_
