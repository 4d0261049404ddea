#include "pipeline/epoch_committer.h"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/hash.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/retry_unavailable.h"

namespace millrace {
namespace {

// What the names of the parts may take in an intent, with what surrounds them.
constexpr size_t kMaxPartBytes = (2 << 10) * EpochCommitter::kMaxSinks;

CommitLimits LimitsWithin(const RunOptions& options) {
  CommitLimits limits = options.commit;
  limits.bytes = std::min(limits.bytes, options.max_staging_bytes);
  limits.age = std::min(limits.age, options.lease / 2);
  return limits;
}

// An upper bound of what the object takes in an intent.
size_t SpanBytes(const LedgerKey& key) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const IntentSpan span{
      .object = key,
      .after = {.row = kMax, .byte = kMax},
      .counts = {
          .read = kMax, .accepted = kMax, .rejected = kMax, .filtered = kMax, .events = kMax}};
  return Intent{.spans = {span}}.Bytes();
}

}  // namespace

// Tells the epochs how much is staged.
class EpochCommitter::StagingSink : public Sink {
 public:
  StagingSink(StagedSink& sink, Epochs& epochs) : sink_(sink), epochs_(epochs) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token stop) override {
    const size_t before = sink_.staged_bytes();
    WriteResult result = sink_.Stage(batch, spans, std::move(stop));
    epochs_.AddBytes(sink_.staged_bytes() - before);
    return result;
  }

 private:
  StagedSink& sink_;
  Epochs& epochs_;
};

EpochCommitter::EpochCommitter(RunContext& context, LedgerRecorder& recorder)
    : context_(context),
      recorder_(recorder),
      late_(context.stop_source.token(), context.options.stop_grace),
      retrier_(context.options.retry, context.parts.clock),
      committer_(context.parts.staging->NewCommitter()),
      resolver_(context.parts.ledger, *committer_, context.parts.dead_letter, retrier_,
                context.parts.clock, context.options.lease),
      epochs_(LimitsWithin(context.options), kMaxIntentBytes - kMaxPartBytes, context.parts.clock),
      on_stop_(context.stop_source.token(), [this] { epochs_.Stop(); }),
      thread_([this] { Run(); }) {}

EpochCommitter::~EpochCommitter() {
  if (thread_.joinable()) Close();
}

std::unique_ptr<Sink> EpochCommitter::NewSink() {
  std::unique_ptr<StagedSink> sink = context_.parts.staging->NewSink();
  auto staging = std::make_unique<StagingSink>(*sink, epochs_);
  absl::MutexLock lock(&mutex_);
  sinks_.push_back(std::move(sink));
  return staging;
}

absl::Status EpochCommitter::Add(const Chunk& chunk, ChunkTicket& ticket) {
  const LedgerKey& key = ticket.object->key();
  if (!is_prepared_) {
    RETURN_IF_ERROR(PrepareDestination(key.destination, ticket.object->owner()));
  }
  is_prepared_ = true;
  // JSON may take six bytes for one.
  const size_t error_bytes = 6 * chunk.error.message().size();
  ticket.epoch = epochs_.Add(ticket.object, chunk.rows, SpanBytes(key), error_bytes);
  return absl::OkStatus();
}

absl::Status EpochCommitter::PrepareDestination(const std::string& destination,
                                                const std::string& owner) {
  const std::stop_token stop = context_.stop_source.token();
  Intents& intents = context_.parts.ledger.intents();
  const auto list = [&] { return intents.List(destination, stop); };
  ASSIGN_OR_RETURN(const std::vector<Intent> left, RetryUnavailable(retrier_, stop, list));
  for (const Intent& intent : left) {
    if (intent.lease_until > context_.parts.clock.Now()) continue;
    RETURN_IF_ERROR(resolver_.Resolve(intent.id, owner, /*owner_is_dead=*/false, stop));
  }
  ASSIGN_OR_RETURN(const std::vector<Intent> open, RetryUnavailable(retrier_, stop, list));
  return RetryUnavailable(retrier_, stop, [&] {
    return Annotate(context_.parts.staging->RemoveOrphans(open, stop), "preparing the destination");
  });
}

void EpochCommitter::Complete(ChunkTicket& ticket, const Counts& counts) {
  ticket.object->Stage(ticket.number, counts);
  epochs_.Complete(ticket.epoch);
}

void EpochCommitter::Close() {
  epochs_.End();
  thread_.join();
}

void EpochCommitter::Run() {
  pthread_setname_np(pthread_self(), "mr-commit");
  while (const std::optional<Epochs::Epoch> epoch = epochs_.AwaitCommit()) {
    // If a stop came between, it is left to be removed as an orphan. The next one must not be
    // staged on top of it.
    const bool is_left = !epoch->is_whole && context_.stop_source.requested();
    const absl::Status status = is_left ? context_.stop_source.reason() : Commit(*epoch);
    if (!status.ok()) {
      epochs_.Abort();
      context_.stop_source.RequestStop(status);
      return;
    }
    epochs_.Next();
  }
}

absl::Status EpochCommitter::Commit(const Epochs::Epoch& epoch) {
  Intent intent{.id = NewId(epoch)};
  ASSIGN_OR_RETURN(intent.parts, Seal(intent.id));
  if (intent.parts.empty()) {
    for (const ObjectPtr& object : epoch.objects) recorder_.CompleteStaged(object);
    return absl::OkStatus();
  }
  std::vector<Part> parts;
  const absl::Status announced = Announce(epoch, parts, intent);
  if (!announced.ok()) {
    End(parts, intent, /*committed=*/false);
    if (!absl::IsAborted(announced)) return announced;
    RETURN_IF_ERROR(resolver_.Abandon(intent, stop()));
    Lose(epoch);
    return absl::OkStatus();
  }
  const absl::StatusOr<IntentResolver::Outcome> outcome = resolver_.Finish(intent, stop());
  const bool committed = outcome.ok() && outcome->settled;
  End(parts, intent, committed);
  if (committed) {
    if (!outcome->first_refusal.empty()) context_.NoteError(outcome->first_refusal);
    return absl::OkStatus();
  }
  // It was withdrawn, or another worker has taken it.
  if (outcome.ok() || absl::IsAborted(outcome.status())) {
    Lose(epoch);
    return absl::OkStatus();
  }
  return outcome.status();
}

// The claims of objects are never repeated, and each has one commit of this number at most.
std::string EpochCommitter::NewId(const Epochs::Epoch& epoch) {
  const ObjectProgress& object = *epoch.objects.front();
  const LedgerKey& key = object.key();
  return ToHex(HashBytes(StrCat(key.object, "\n", key.version, "\n", key.config, "\n",
                                key.destination, "\n", object.writer(), "\n",
                                absl::ToUnixNanos(context_.parts.clock.Now()), "\n", commits_++)));
}

absl::StatusOr<std::vector<std::string>> EpochCommitter::Seal(const std::string& id) {
  std::vector<StagedSink*> sinks;
  {
    absl::MutexLock lock(&mutex_);
    for (const std::unique_ptr<StagedSink>& sink : sinks_) sinks.push_back(sink.get());
  }
  std::vector<std::string> parts;
  for (StagedSink* sink : sinks) {
    ASSIGN_OR_RETURN(const std::vector<std::string> sealed,
                     RetryUnavailable(retrier_, stop(), [&] { return sink->Seal(id, stop()); }));
    parts.insert(parts.end(), sealed.begin(), sealed.end());
  }
  return parts;
}

absl::Status EpochCommitter::Announce(const Epochs::Epoch& epoch, std::vector<Part>& parts,
                                      Intent& intent) {
  if (!epoch.is_whole) return absl::AbortedError("an object was lost while it was staged");
  for (const ObjectPtr& object : epoch.objects) {
    if (!object->has_staged()) continue;
    std::optional<ObjectProgress::Step> step = object->StartCommit();
    if (!step.has_value()) return absl::AbortedError("an object was lost after it was staged");
    parts.push_back({object, *std::move(step)});
    const LedgerEntry& entry = parts.back().step.entry;
    intent.spans.push_back({.object = entry.key,
                            .revision = entry.revision,
                            .after = entry.position,
                            .counts = entry.counts,
                            .state = entry.state,
                            .last_error = entry.last_error});
  }
  if (parts.empty()) return absl::InternalError("something was staged that belongs to no object");
  intent.destination = parts.front().object->key().destination;
  intent.owner = parts.front().step.entry.owner;
  for (const Part& part : parts) {
    if (part.step.added.rejected == 0) continue;
    const LedgerKey& key = part.object->key();
    RETURN_IF_ERROR(Annotate(context_.parts.dead_letter.Sync(key),
                             StrCat("storing rejected rows of ", key.object)));
  }
  return RetryUnavailable(retrier_, stop(), [&] {
    return Annotate(
        context_.parts.ledger.intents().Announce(intent, context_.options.lease, stop()),
        StrCat("announcing the commit ", intent.id));
  });
}

void EpochCommitter::End(std::vector<Part>& parts, const Intent& intent, bool committed) {
  for (size_t i = 0; i < parts.size(); ++i) {
    auto& [object, step] = parts[i];
    const IntentSpan& span = intent.spans[i];
    step.entry.revision = span.revision;
    step.entry.counts = span.counts;
    if (committed && span.revision != 0) {
      recorder_.CompleteCommit(object, step);
      continue;
    }
    object->EndCommit(step, /*committed=*/false, context_.parts.clock.Elapsed());
    if (committed) recorder_.Lose(object, "the ledger has forgotten the object");
  }
}

void EpochCommitter::Lose(const Epochs::Epoch& epoch) {
  for (const ObjectPtr& object : epoch.objects) {
    if (!object->has_staged()) continue;
    recorder_.Lose(object, "a commit was given up: the rows of the object are read again");
    object->DropStaged();  // the next epoch may have chunks of it, which are dropped as well
  }
}

}  // namespace millrace
