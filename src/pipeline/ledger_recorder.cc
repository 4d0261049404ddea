#include "pipeline/ledger_recorder.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {

LedgerRecorder::LedgerRecorder(RunContext& context)
    : context_(context),
      retrier_(context.options.retry, context.parts.clock),
      interval_(std::max(context.options.ledger_interval, context.parts.ledger.StoreInterval())),
      late_(context.halt.token(), context.options.stop_grace),
      lease_thread_([this] { RenewLeases(); }) {}

LedgerRecorder::~LedgerRecorder() {
  if (lease_thread_.joinable()) Close(absl::OkStatus());
}

absl::Status LedgerRecorder::Open(const ObjectPtr& object, uint64_t first_row) {
  {
    absl::MutexLock lock(&mutex_);
    open_.insert(object);
    ++totals_.objects;
  }
  // Finding the first row may have taken long. If another owner took the object over meanwhile, the
  // dead letters are its own.
  const absl::Duration lease = context_.options.lease;
  if (auto step = object->StartLateRenewal(context_.parts.clock.Now() + lease / 2)) {
    if (!Store(object, *step, late_.token())) return context_.halt.reason();
  }
  return context_.parts.dead_letter.Rewind(object->key(), first_row);
}

void LedgerRecorder::Settle(const ChunkTicket& ticket, const Counts& counts) {
  RunProgress& progress = context_.progress;
  progress.rows_accepted += counts.accepted;
  progress.rows_rejected += counts.rejected;
  progress.rows_filtered += counts.filtered;
  progress.events_accepted += counts.events;

  ObjectProgress& object = *ticket.object;
  object.End(ticket.number, counts);
  // Whoever stores goes on with what others settle meanwhile.
  Clock& clock = context_.parts.clock;
  while (auto step = object.StartStore(clock.Elapsed(), interval_)) {
    if (!Store(ticket.object, *step, late_.token())) return;
  }
}

bool LedgerRecorder::Store(const ObjectPtr& object, ObjectProgress::Step& step,
                           const std::stop_token& stop) {
  const absl::Status status = StoreBehindDeadLetters(step, stop);
  object->EndStore(step, status, context_.parts.clock.Elapsed());
  if (absl::IsAborted(status)) {
    Log(Severity::kWarning, "object taken over by another owner, left to it",
        {{"object", object->key().object}});
    context_.parts.source.GiveUp(step.entry);
    Remove(object, &Totals::objects_lost);
    return false;
  }
  if (!status.ok()) {
    context_.halt.Because(status);
    return false;
  }
  if (step.finished) {
    const bool done = step.entry.state == LedgerState::kDone;
    Finish(step.entry, stop);
    Remove(object, done ? &Totals::objects_done : &Totals::objects_failed);
  }
  return true;
}

absl::Status LedgerRecorder::StoreBehindDeadLetters(ObjectProgress::Step& step,
                                                    const std::stop_token& stop) {
  const std::string& uri = step.entry.key.object;
  if (step.added.rejected > 0) {
    RETURN_IF_ERROR(Annotate(context_.parts.dead_letter.Sync(step.entry.key),
                             StrCat("keeping rejected rows of ", uri)));
  }
  for (RetryLoop tries(retrier_);;) {
    const absl::Status status =
        Annotate(context_.parts.ledger.Store(step.entry, context_.options.lease, stop),
                 StrCat("recording ", uri));
    if (status.ok()) tries.Succeeded();
    if (!absl::IsUnavailable(status)) return status;
    RETURN_IF_ERROR(tries.WaitToRetry(status, absl::ZeroDuration(), stop));
  }
}

void LedgerRecorder::Finish(LedgerEntry& entry, const std::stop_token& stop) {
  if (entry.state == LedgerState::kDone) {
    ++context_.progress.objects_done;
    context_.parts.source.Confirm(entry);
    return;
  }
  context_.NoteError(StrCat(entry.key.object, ": ", entry.last_error));
  Release(entry, stop);
  context_.parts.source.GiveUp(entry);
}

void LedgerRecorder::Release(LedgerEntry& entry, const std::stop_token& stop) {
  const absl::Status status = context_.parts.ledger.Release(entry, stop);
  if (status.ok() || absl::IsAborted(status)) return;
  Log(Severity::kWarning, "object not released, its lease must run out",
      {{"object", entry.key.object}, {"error", ToStd(status.message())}});
}

void LedgerRecorder::Remove(const ObjectPtr& object, uint64_t Totals::*counter) {
  const Counts counts = object->run_counts();
  absl::MutexLock lock(&mutex_);
  if (open_.erase(object) == 0) return;
  totals_.counts += counts;
  ++(totals_.*counter);
}

LedgerRecorder::Totals LedgerRecorder::Close(const absl::Status& why) {
  std::vector<ObjectPtr> open;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    open.assign(open_.begin(), open_.end());
  }
  lease_thread_.join();
  const DelayedStop late(context_.halt.token(), context_.options.stop_grace);
  const std::string last_error(absl::IsCancelled(why) ? "" : ToStd(why.message()));
  for (const ObjectPtr& object : open) {
    ObjectProgress::Step step = object->StartLastStore(last_error);
    const bool stored = Store(object, step, late.token());
    if (object->lost() || (stored && step.finished)) continue;
    // Its owner's name is all that tells other configs to leave such an object alone.
    if (stored && !object->IsSentUnrecorded()) Release(step.entry, late.token());
    context_.parts.source.GiveUp(step.entry);
  }
  absl::MutexLock lock(&mutex_);
  for (const ObjectPtr& object : open_) totals_.counts += object->run_counts();
  return totals_;
}

void LedgerRecorder::RenewLeases() {
  pthread_setname_np(pthread_self(), "mr-leases");
  // An object is stored within two beats, so before half of its lease has passed.
  const absl::Duration beat = context_.options.lease / 4;
  for (;;) {
    std::vector<ObjectPtr> open;
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&closed_), beat)) return;
      open.assign(open_.begin(), open_.end());
    }
    for (const ObjectPtr& object : open) {
      if (auto step = object->StartRenewal()) Store(object, *step, late_.token());
    }
  }
}

}  // namespace millrace
