#include "pipeline/ledger_recorder.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

// How long after its due time the recorder's thread makes a store. While workers complete chunks
// one after another, they store themselves and no thread has to be woken.
constexpr absl::Duration kLull = absl::Milliseconds(10);

}  // namespace

LedgerRecorder::LedgerRecorder(RunContext& context)
    : context_(context),
      retrier_(context.options.retry, context.parts.clock),
      // An object is stored within two renewals, so before half of its lease has passed.
      schedule_{std::max(context.options.ledger_interval, context.parts.ledger.StoreInterval()),
                context.options.lease / 4},
      late_(context.stop_source.token(), context.options.stop_grace),
      thread_([this] { StoreInTime(); }) {}

LedgerRecorder::~LedgerRecorder() {
  if (thread_.joinable()) Close(absl::OkStatus());
}

absl::Status LedgerRecorder::Open(const ObjectPtr& object, uint64_t first_row) {
  {
    absl::MutexLock lock(&mutex_);
    open_.insert(object);
    ++totals_.objects;
    due_ = std::min(due_, object->NextStore());
  }
  // Finding the first row may have taken long, and so may the claim at the destination. If another
  // worker took over the object meanwhile, it must not be fenced, and the dead letters are its own.
  if (!CheckLease(object)) return context_.stop_source.reason();
  if (context_.parts.cursor != nullptr) {
    RETURN_IF_ERROR(ClaimAtDestination(object));
    if (!CheckLease(object)) return context_.stop_source.reason();
  }
  return context_.parts.dead_letter.Rewind(object->key(), first_row);
}

bool LedgerRecorder::CheckLease(const ObjectPtr& object) {
  StoreWhatIsDue(object);
  object->AwaitStore();  // by thread_, which may be the one to learn it
  return !object->lost() && !context_.stop_source.requested();
}

absl::Status LedgerRecorder::ClaimAtDestination(const ObjectPtr& object) {
  const std::stop_token stop = context_.stop_source.token();
  absl::StatusOr<RowRanges> delivered = RetryUnavailable(retrier_, stop, [&] {
    return context_.parts.cursor->Claim(object->key(), object->writer(), stop);
  });
  if (!delivered.ok()) {
    return Annotate(delivered.status(), StrCat("claiming ", object->key().object));
  }
  object->set_delivered(*std::move(delivered));
  return absl::OkStatus();
}

void LedgerRecorder::ReleaseAtDestination(const ObjectPtr& object, bool delivered) {
  if (context_.parts.cursor == nullptr) return;
  context_.parts.cursor->Release(object->key(), object->writer(), delivered);
}

void LedgerRecorder::Complete(const ChunkTicket& ticket, const Counts& counts) {
  Count(counts);
  ticket.object->Complete(ticket.number, counts);
  StoreWhatIsDue(ticket.object);
}

void LedgerRecorder::CompleteStaged(const ObjectPtr& object) {
  Count(object->CompleteStaged());
  StoreWhatIsDue(object);
}

void LedgerRecorder::CompleteCommit(const ObjectPtr& object, ObjectProgress::Step& step) {
  Count(object->EndCommit(step, /*committed=*/true, context_.parts.clock.Elapsed()));
  EndIfFinished(object, step, late_.token());
  StoreWhatIsDue(object);
}

void LedgerRecorder::Count(const Counts& counts) {
  RunProgress& progress = context_.progress;
  progress.rows_accepted += counts.accepted;
  progress.rows_rejected += counts.rejected;
  progress.rows_filtered += counts.filtered;
  progress.events_accepted += counts.events;
}

void LedgerRecorder::StoreWhatIsDue(const ObjectPtr& object) {
  Clock& clock = context_.parts.clock;
  while (auto step = object->StartStore(clock.Elapsed())) {
    if (!Store(object, *step, late_.token())) return;
  }
  const absl::Duration next = object->NextStore() + kLull;
  absl::MutexLock lock(&mutex_);
  due_ = std::min(due_, next);
}

bool LedgerRecorder::Store(const ObjectPtr& object, ObjectProgress::Step& step,
                           const std::stop_token& stop) {
  const absl::Status status = StoreBehindDeadLetters(step, stop);
  object->EndStore(step, status, context_.parts.clock.Elapsed());
  if (absl::IsAborted(status)) {
    if (!Remove(object, &Totals::objects_lost)) return false;
    ReleaseAtDestination(object, /*delivered=*/false);
    Log(Severity::kWarning, "another worker took over the object",
        {{"object", object->key().object}});
    context_.parts.source.Release(step.entry, Source::Unfinished::kTakenOver);
    return false;
  }
  if (!status.ok()) {
    context_.stop_source.RequestStop(status);
    return false;
  }
  EndIfFinished(object, step, stop);
  return true;
}

void LedgerRecorder::EndIfFinished(const ObjectPtr& object, ObjectProgress::Step& step,
                                   const std::stop_token& stop) {
  if (!step.finished) return;
  const bool done = step.entry.state == LedgerState::kDone;
  ReleaseAtDestination(object, /*delivered=*/done);
  CompleteObject(step.entry, stop);
  Remove(object, done ? &Totals::objects_done : &Totals::objects_failed);
}

absl::Status LedgerRecorder::StoreBehindDeadLetters(ObjectProgress::Step& step,
                                                    const std::stop_token& stop) {
  const std::string& uri = step.entry.key.object;
  if (step.added.rejected > 0) {
    RETURN_IF_ERROR(Annotate(context_.parts.dead_letter.Sync(step.entry.key),
                             StrCat("storing rejected rows of ", uri)));
  }
  return RetryUnavailable(retrier_, stop, [&] {
    return Annotate(context_.parts.ledger.Store(step.entry, context_.options.lease, stop),
                    StrCat("recording ", uri));
  });
}

void LedgerRecorder::CompleteObject(LedgerEntry& entry, const std::stop_token& stop) {
  if (entry.state == LedgerState::kDone) {
    ++context_.progress.objects_done;
    context_.parts.source.Ack(entry);
    return;
  }
  context_.NoteError(StrCat(entry.key.object, ": ", entry.last_error));
  Release(entry, stop);
  context_.parts.source.Release(entry, Source::Unfinished::kFailed);
}

void LedgerRecorder::Release(LedgerEntry& entry, const std::stop_token& stop) {
  const absl::Status status = context_.parts.ledger.Release(entry, stop);
  if (status.ok() || absl::IsAborted(status)) return;
  Log(Severity::kWarning, "object not released; its lease must expire",
      {{"object", entry.key.object}, {"error", ToStd(status.message())}});
}

bool LedgerRecorder::Remove(const ObjectPtr& object, uint64_t Totals::*counter) {
  const Counts counts = object->run_counts();
  absl::MutexLock lock(&mutex_);
  if (open_.erase(object) == 0) return false;
  totals_.counts += counts;
  ++(totals_.*counter);
  return true;
}

void LedgerRecorder::Lose(const ObjectPtr& object, std::string_view why) {
  if (!object->Lose()) return;
  object->AwaitStore();
  ObjectProgress::Step step = object->StartLastStore(/*last_error=*/"");
  const absl::Status status = StoreBehindDeadLetters(step, late_.token());
  object->EndStore(step, status, context_.parts.clock.Elapsed());
  if (status.ok()) {
    Release(step.entry, late_.token());
  } else if (!absl::IsAborted(status)) {
    context_.stop_source.RequestStop(status);
  }
  if (!Remove(object, &Totals::objects_lost)) return;
  ReleaseAtDestination(object, /*delivered=*/false);
  Log(Severity::kWarning, why, {{"object", object->key().object}});
  context_.parts.source.Release(step.entry, Source::Unfinished::kTakenOver);
}

bool LedgerRecorder::RenewLease(const ObjectPtr& object) {
  if (!CheckLease(object)) return false;
  auto renewal = object->StartRenewal(context_.parts.clock.Elapsed());
  if (renewal.has_value()) Store(object, *renewal, late_.token());
  object->AwaitStore();
  return !object->lost();
}

void LedgerRecorder::LoseAtDestination(const ObjectPtr& object) {
  if (context_.parts.replacement == nullptr || !RenewLease(object)) {
    return Lose(object, "another writer took over the object at the destination");
  }
  context_.stop_source.RequestStop(absl::FailedPreconditionError(
      StrCat("another run replaces what ", object->key().object,
             " is to replace, from another object or ledger: run one of them at a time")));
}

LedgerRecorder::Totals LedgerRecorder::Close(const absl::Status& why) {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  thread_.join();
  std::vector<ObjectPtr> open;  // the thread may have finished these already
  {
    absl::MutexLock lock(&mutex_);
    open.assign(open_.begin(), open_.end());
  }
  const DelayedStop late(context_.stop_source.token(), context_.options.stop_grace);
  const std::string last_error(absl::IsCancelled(why) ? "" : ToStd(why.message()));
  for (const ObjectPtr& object : open) {
    ObjectProgress::Step step = object->StartLastStore(last_error);
    const bool stored = Store(object, step, late.token());
    if (object->lost() || (stored && step.finished)) continue;
    ReleaseAtDestination(object, /*delivered=*/false);
    if (stored) Release(step.entry, late.token());
    context_.parts.source.Release(step.entry, Source::Unfinished::kRunEnds);
  }
  absl::MutexLock lock(&mutex_);
  for (const ObjectPtr& object : open_) totals_.counts += object->run_counts();
  return totals_;
}

// Stores objects that no worker completes a chunk of at the moment: changes that came too soon
// after the last store, and renewals of leases.
void LedgerRecorder::StoreInTime() {
  pthread_setname_np(pthread_self(), "mr-ledger");
  while (AwaitDue()) {
    std::vector<ObjectPtr> open;
    {
      absl::MutexLock lock(&mutex_);
      due_ = absl::InfiniteDuration();
      open.assign(open_.begin(), open_.end());
    }
    for (const ObjectPtr& object : open) StoreWhatIsDue(object);
  }
}

// False once the run is stopping or this is closed.
bool LedgerRecorder::AwaitDue() {
  Clock& clock = context_.parts.clock;
  absl::MutexLock lock(&mutex_);
  while (!closed_ && !context_.stop_source.requested()) {
    const absl::Duration wait = due_ - clock.Elapsed();
    if (wait <= absl::ZeroDuration()) return true;
    sleeps_until_ = due_;
    mutex_.AwaitWithTimeout(absl::Condition(this, &LedgerRecorder::IsWoken), wait);
  }
  return false;
}

}  // namespace millrace
