#include "pipeline/batch_writer.h"

#include "base/status.h"

namespace millrace {

absl::Status BatchWriter::Write(WriteBatch& write_batch, Sink& sink, const std::stop_token& stop) {
  const Batch& batch = write_batch.batch();
  RunProgress& progress = context_.progress;
  const bool is_staged = context_.parts.staging != nullptr;  // then it is sent by a commit
  const bool is_hidden = is_staged || context_.parts.replacement != nullptr;
  // Without a claim at the cursor the sink must not ask it whose the rows are.
  std::vector<BatchSpan> spans;
  if (is_staged || context_.parts.cursor != nullptr) spans = write_batch.Spans();
  for (RetryLoop tries(retrier_);;) {
    const absl::Duration begun = context_.parts.clock.Elapsed();
    ++progress.writes;
    ++progress.writes_in_flight;
    const WriteResult result = sink.Write(batch, spans, stop);
    --progress.writes_in_flight;
    if (!result.refused_whole() && !is_hidden) write_batch.NoteSent();
    if (result.durable() || result.throttled()) {
      limiter_.Wrote(begun, context_.parts.clock.Elapsed(), result.throttled());
    }
    if (result.durable() || result.refused_whole()) {
      tries.Succeeded();
      return Account(result, spans, write_batch);
    }
    if (!result.retryable()) return result.status();
    RETURN_IF_ERROR(tries.WaitToRetry(result.status(), result.retry_after(), stop));
    ++progress.retries;
  }
}

absl::Status BatchWriter::Account(const WriteResult& result, absl::Span<const BatchSpan> spans,
                                  WriteBatch& write_batch) {
  for (const size_t fenced : result.fenced()) {
    if (fenced >= spans.size()) return absl::InternalError("the sink fenced an unknown span");
    for (const WriteBatch::Part& part : write_batch.parts()) {
      if (&part.ticket.object->key() != spans[fenced].object) continue;
      recorder_.LoseAtDestination(part.ticket.object);
    }
  }
  ASSIGN_OR_RETURN(const std::vector<RefusedRow> refused,
                   refusals_.Judge(result, write_batch.batch().rows()));
  return write_batch.Refuse(refused);
}

}  // namespace millrace
