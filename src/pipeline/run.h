// Run(): the guarantee. Read, transform, write with the one retry policy, keep what was refused,
// advance the ledger, confirm to the source.
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
#include "pipeline/ledger.h"
#include "pipeline/sink.h"
#include "pipeline/source.h"
#include "pipeline/transform.h"

namespace millrace {

struct RunOptions {
  // Writes in flight. The run starts with `initial_writes` and goes up to `max_writes` while
  // writes wait on a far destination, and halves when it is throttled.
  int initial_writes = 4;
  int max_writes = 20;
  // Bytes held by all chunks and batches in flight; one larger chunk still passes, alone.
  size_t max_bytes = 64 << 20;
  // How many runs share `max_bytes` in equal parts; it may grow while they run. Null: one.
  const std::atomic<int>* sharing_runs = nullptr;
  // A batch smaller than this (in rows and bytes) is joined with the next chunk's before it is
  // sent.
  size_t join_rows = 1000;
  size_t join_bytes = 512 << 10;
  // That is not waited for any longer than this, and not at all if the source has nothing.
  absl::Duration max_delay = absl::Seconds(1);
  // A batch is written when it takes so many bytes, even if its chunk becomes more; at most an
  // eighth of `max_bytes`. One row is never divided.
  size_t batch_bytes = 4 << 20;
  RetryPolicy retry;
  // The least time between two stores of a row, if the ledger does not want a longer one. Where
  // stores are slow it is longer, up to 200 ms, so that they take a small share of the time.
  absl::Duration ledger_interval = absl::ZeroDuration();
  absl::Duration lease = absl::Minutes(5);
  // How long the ledger may take, after a stop, to record what the destination has confirmed.
  absl::Duration stop_grace = absl::Seconds(10);
};

// Live counters, readable from any thread; runs that are given the same ones add to them.
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
  // Ok: the source came to its end and everything is accounted for (rejections and failed objects
  // may exist).
  // Cancelled: a stop was asked for. Otherwise what stopped the run. Never ok with pending rows.
  absl::Status status;
  Counts counts;         // of this run; pending() = read and not yet accounted for in the ledger
  uint64_t objects = 0;  // objects of which chunks were read
  uint64_t objects_done = 0;
  uint64_t objects_failed = 0;  // ended by Chunk::error
  // How often an object was taken over by another owner, who accounts for what this run had not
  // recorded by then. The source was told, and has seen to it that the object is done.
  uint64_t objects_lost = 0;
  uint64_t writes = 0;      // calls of Sink::Write()
  uint64_t retries = 0;     // of those, of a batch that was written before
  std::string first_error;  // the first rejection or failure, with object and row; empty: none
};

// The factories are called one at a time.
struct RunParts {
  Source& source;
  TransformFactory make_transform;
  SinkFactory make_sink;
  Ledger& ledger;
  DeadLetterQueue& dead_letter;
  Clock& clock = Clock::Real();
};

// Works until the source ends, `stop` is requested (then what is in flight is finished, recorded
// and the rest released) or something fails for good. An event is accepted at least once or lies in
// the dead letter before the ledger moves past its row. Blocking; owns its threads.
RunReport Run(RunParts parts, const RunOptions& options, std::stop_token stop,
              RunProgress* progress = nullptr);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RUN_H_
