#include "pipeline/publisher.h"

#include "base/pluralize.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {

Publisher::Publisher(RunContext& context, LedgerRecorder& recorder)
    : context_(context),
      recorder_(recorder),
      late_(context.stop_source.token(), context.options.stop_grace),
      retrier_(context.options.retry, context.parts.clock) {}

absl::Status Publisher::Begin(const std::shared_ptr<ObjectProgress>& object, uint64_t first_row) {
  const std::string& name = object->key().object;
  absl::MutexLock lock(&mutex_);
  if (name != context_.parts.replacing_object || (object_ != nullptr && !object_->lost())) {
    return absl::FailedPreconditionError(
        StrCat("a run that replaces reads one object, ", context_.parts.replacing_object,
               object_ == nullptr ? ", and not " : ", once, and no longer ", name));
  }
  if (first_row != 0) {
    return absl::FailedPreconditionError(
        StrCat(name, " cannot replace anything: the ledger has its first ",
               Pluralize(first_row, "row"), " as delivered. Read it again with --force"));
  }
  object_ = object;
  incomplete_ = 0;
  ended_ = false;
  return absl::OkStatus();
}

void Publisher::Add(const Chunk& chunk) {
  absl::MutexLock lock(&mutex_);
  ++incomplete_;
  ended_ = chunk.last;
  end_ = chunk.error;
}

void Publisher::Complete(const ChunkTicket& ticket, const Counts& counts) {
  ticket.object->Stage(ticket.number, counts);
  absl::Status end;
  {
    absl::MutexLock lock(&mutex_);
    if (ticket.object != object_) return;  // it was lost, and is read again
    --incomplete_;
    if (!ended_ || incomplete_ > 0) return;
    end = end_;
  }
  Publish(ticket.object, end);
}

void Publisher::Publish(const std::shared_ptr<ObjectProgress>& object, const absl::Status& end) {
  const std::stop_token stop = late_.token();
  const auto publish = [&]() -> absl::Status {
    if (object->lost()) return absl::AbortedError("another worker took over the object");
    return context_.parts.replacement->Publish(object->key(), object->writer(), stop);
  };
  absl::Status published =
      Annotate(end, "nothing was replaced, since it cannot be read to its end");
  if (published.ok()) published = RetryUnavailable(retrier_, stop, publish);
  if (published.ok()) {
    recorder_.CompleteStaged(object);
  } else if (absl::IsAborted(published)) {
    recorder_.LoseAtDestination(object);
  } else {
    context_.stop_source.RequestStop(
        Annotate(published, StrCat("replacing with ", object->key().object)));
  }
}

}  // namespace millrace
