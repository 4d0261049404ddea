// Writes batches: the one place that decides what the outcome of a write means.
#ifndef MILLRACE_PIPELINE_BATCH_WRITER_H_
#define MILLRACE_PIPELINE_BATCH_WRITER_H_

#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/retrier.h"
#include "pipeline/concurrency_limiter.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/run_context.h"
#include "pipeline/sink.h"
#include "pipeline/whole_refusals.h"
#include "pipeline/write_batch.h"

namespace millrace {

// Thread-safe.
class BatchWriter {
 public:
  // All arguments outlive it.
  BatchWriter(RunContext& context, LedgerRecorder& recorder, ConcurrencyLimiter& limiter)
      : context_(context),
        recorder_(recorder),
        limiter_(limiter),
        retrier_(context.options.retry, context.parts.clock) {}

  // Returns once the outcome of every row is known, or with the reason why the run must end.
  // Refused rows are marked in the batch; objects that another writer has taken over are lost.
  absl::Status Write(WriteBatch& write_batch, Sink& sink, const std::stop_token& stop);

 private:
  absl::Status Account(const WriteResult& result, absl::Span<const BatchSpan> spans,
                       WriteBatch& write_batch);

  RunContext& context_;
  LedgerRecorder& recorder_;
  ConcurrencyLimiter& limiter_;
  Retrier retrier_;
  WholeRefusals refusals_;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_BATCH_WRITER_H_
