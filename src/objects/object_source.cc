#include "objects/object_source.h"

#include <utility>

#include "base/delayed_stop.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/worker_id.h"
#include "mapping/mapping_version.h"
#include "objects/mapped_rows.h"
#include "pipeline/intents.h"

namespace millrace {
namespace {

// The maximum wait of an ending source for its ledger.
constexpr absl::Duration kReleaseGrace = absl::Seconds(10);

}  // namespace

struct ObjectSource::Open {
  std::shared_ptr<const SourceConfig> config;
  std::shared_ptr<const LedgerEntry> entry;
  std::shared_ptr<ObjectReader> object;  // null if it could not be opened
  std::unique_ptr<RowReader> rows;       // null if it could not be read
  absl::Status error;                    // why
  Position after;
  uint64_t raw_bytes = 0;
  bool shown = false;  // a chunk was returned: the run owns the claim
};

ObjectSource::ObjectSource(ObjectSourceOptions options, const CurrentSources& sources,
                           ObjectFeed& feed, Ledger& ledger, SourceProgress& progress)
    : options_(std::move(options)),
      sources_(sources),
      feed_(feed),
      ledger_(ledger),
      progress_(progress),
      retrier_(options_.retry, Clock::Real()) {}

ObjectSource::~ObjectSource() {
  if (taken_) feed_.Ack(taken_->info, {});
  if (open_ == nullptr || open_->shown) return;
  LedgerEntry entry = *open_->entry;
  const DelayedStop grace(kReleaseGrace);
  if (const absl::Status freed = ledger_.Release(entry, grace.token());
      !freed.ok() && !absl::IsAborted(freed)) {
    Log(Severity::kWarning,
        "object not released; other workers can claim it when its lease expires",
        {{"object", entry.key.object}, {"error", ToStd(freed.message())}});
  }
  feed_.Ack({entry.key.object, entry.object_bytes, entry.key.version}, {});
}

absl::StatusOr<std::unique_ptr<Chunk>> ObjectSource::Next(std::stop_token stop) {
  if (open_ == nullptr) {
    if (ended_) return nullptr;
    if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
    RETURN_IF_ERROR(ClaimNext(stop));
    if (ended_) return nullptr;
    if (open_ == nullptr) return std::make_unique<Chunk>();
  }
  if (stop.stop_requested()) return absl::CancelledError("the run was stopped");
  if (TakeLost(open_->entry->key.object)) return LastOfLost();
  if (open_->rows == nullptr) return EndWith(open_->error, stop);

  const uint64_t done = open_->after.row - open_->entry->position.row;
  if (options_.max_rows_per_object != 0 && done >= options_.max_rows_per_object) {
    return Last(absl::OkStatus());
  }
  absl::StatusOr<std::unique_ptr<RowChunk>> rows = open_->rows->Read(options_.limits);
  ReportPlace(open_->rows->raw_bytes());
  if (!rows.ok()) return EndWith(rows.status(), stop);
  if (*rows == nullptr) return Last(open_->object->CheckUnchanged());

  open_->shown = true;
  auto chunk = std::make_unique<Chunk>();
  chunk->object = open_->entry;
  chunk->first_row = (*rows)->first_row();
  chunk->rows = (*rows)->row_count();
  open_->after = (*rows)->after();
  chunk->after = {open_->after.row, open_->after.byte};
  auto payload = std::make_unique<RowsPayload>();
  payload->config = open_->config;
  payload->rows = *std::move(rows);
  chunk->payload = std::move(payload);
  return chunk;
}

absl::Status ObjectSource::ClaimNext(std::stop_token stop) {
  if (!taken_) {
    ASSIGN_OR_RETURN(std::optional<ListedObject> next, feed_.Next(stop));
    ended_ = !next.has_value();
    if (ended_ || !next->is_object()) return absl::OkStatus();
    taken_ = std::move(next);
  }
  for (RetryLoop tries(retrier_);;) {
    const absl::Status status = TryClaim(stop);
    if (status.ok()) tries.Succeeded();
    if (!absl::IsUnavailable(status)) return status;
    RETURN_IF_ERROR(
        tries.WaitToRetry(Annotate(status, "claiming an object"), absl::ZeroDuration(), stop));
  }
}

// Claims taken_.
absl::Status ObjectSource::TryClaim(const std::stop_token& stop) {
  std::shared_ptr<const SourceConfig> config = sources_.Match(taken_->info.uri);
  if (config == nullptr ||
      config->record_type != options_.record_type.value_or(config->record_type)) {
    feed_.Ack(std::exchange(taken_, std::nullopt)->info,
              {.kind = ObjectOutcome::Kind::kUnmatched, .status = {}, .counts = {}});
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Ledger::Claim claim, Claim(*taken_, *config, stop));
  const ListedObject object = *std::exchange(taken_, std::nullopt);
  if (claim.outcome == Ledger::Claim::Outcome::kClaimed) {
    open_ = std::make_unique<Open>();
    open_->config = std::move(config);
    open_->entry = std::make_shared<const LedgerEntry>(std::move(claim.entry));
    OpenClaimed(object);
    return absl::OkStatus();
  }
  if (claim.outcome == Ledger::Claim::Outcome::kConfigChanged) {
    LeaveToItsConfig(object, claim.entry, *config);
    return absl::OkStatus();
  }
  const bool done = claim.outcome == Ledger::Claim::Outcome::kDone;
  ++(done ? progress_.objects_skipped : progress_.objects_held);
  progress_.bytes_done += object.info.size;
  feed_.Ack(object.info,
            {.kind = done ? ObjectOutcome::Kind::kDoneBefore : ObjectOutcome::Kind::kHeld,
             .status = absl::OkStatus(),
             .counts = claim.entry.counts});
  return absl::OkStatus();
}

absl::StatusOr<Ledger::Claim> ObjectSource::Claim(const ListedObject& object,
                                                  const SourceConfig& config,
                                                  const std::stop_token& stop) {
  const ClaimRequest request{.key = KeyOf(object.info, config, options_.destination),
                             .owner = options_.owner,
                             .object_bytes = object.info.size,
                             .lease = options_.lease,
                             .mapping_version = kMappingVersion,
                             .config_parts = config.fingerprint_parts};
  // An object that another worker took over must not be started again.
  if (options_.force && !object.again) {
    ASSIGN_OR_RETURN(const std::vector<LedgerKey> forgotten, ledger_.Forget(request.key, stop));
    for (const LedgerKey& key : forgotten) {
      if (key != request.key && options_.on_forgotten) RETURN_IF_ERROR(options_.on_forgotten(key));
    }
    if (options_.cursor != nullptr) RETURN_IF_ERROR(options_.cursor->Forget(request.key, stop));
  }
  ASSIGN_OR_RETURN(Ledger::Claim claimed, ClaimUnlessCovered(request, stop));
  if (claimed.outcome != Ledger::Claim::Outcome::kHeld || !IsWorkerDead(claimed.entry.owner)) {
    return claimed;
  }
  // Its process was killed, so nobody has to wait for the lease. It is unknown what it had sent
  // under another config before it recorded anything.
  if (claimed.entry.key != request.key) {
    claimed.outcome = Ledger::Claim::Outcome::kConfigChanged;
    return claimed;
  }
  // Aborted: another worker was faster.
  const absl::Status freed = ledger_.Release(claimed.entry, stop);
  if (!freed.ok() && !absl::IsAborted(freed)) return freed;
  return ledger_.ClaimObject(request, stop);
}

// Claims the object after the commit that covers it, if its worker has left one behind.
absl::StatusOr<Ledger::Claim> ObjectSource::ClaimUnlessCovered(const ClaimRequest& request,
                                                               const std::stop_token& stop) {
  for (;;) {
    ASSIGN_OR_RETURN(Ledger::Claim claimed, ledger_.ClaimObject(request, stop));
    const std::string& intent = claimed.entry.intent;
    if (intent.empty()) return claimed;
    const bool is_dead = IsWorkerDead(claimed.entry.owner);
    const bool is_left = claimed.outcome == Ledger::Claim::Outcome::kUncommitted ||
                         (claimed.outcome == Ledger::Claim::Outcome::kHeld && is_dead);
    if (!is_left) return claimed;
    if (!options_.resolve_intent) return OpenCommitOfAnotherMethod(request.key, intent);
    RETURN_IF_ERROR(options_.resolve_intent(intent, is_dead, stop));
  }
}

void ObjectSource::LeaveToItsConfig(const ListedObject& object, const LedgerEntry& sent,
                                    const SourceConfig& config) {
  ConfigChange change = ConfigChangeOf(sent, config);
  const absl::Status why = absl::FailedPreconditionError(Describe(change));
  ++progress_.objects_config_changed;
  progress_.bytes_done += object.info.size;
  {
    absl::MutexLock lock(&progress_.mutex);
    progress_.changes.Add(std::move(change));
  }
  feed_.Ack(object.info,
            {.kind = ObjectOutcome::Kind::kConfigChanged, .status = why, .counts = sent.counts});
}

void ObjectSource::Ack(const LedgerEntry& object) {
  feed_.Ack({object.key.object, object.object_bytes, object.key.version},
            {.kind = ObjectOutcome::Kind::kImported,
             .status = absl::OkStatus(),
             .counts = object.counts});
}

void ObjectSource::Release(const LedgerEntry& object, Unfinished why) {
  ObjectOutcome outcome{.counts = object.counts};
  if (why == Unfinished::kTakenOver) {
    outcome.kind = ObjectOutcome::Kind::kHeld;
    ++progress_.objects_held;
    absl::MutexLock lock(&mutex_);
    lost_.insert(object.key.object);
    errors_.erase(object.key.object);
  } else {
    absl::MutexLock lock(&mutex_);
    if (const auto error = errors_.find(object.key.object); error != errors_.end()) {
      outcome.kind = ObjectOutcome::Kind::kFailed;
      outcome.status = std::move(error->second);
      errors_.erase(error);
    }
  }
  feed_.Ack({object.key.object, object.object_bytes, object.key.version}, outcome);
}

bool ObjectSource::TakeLost(const std::string& uri) {
  absl::MutexLock lock(&mutex_);
  return lost_.erase(uri) > 0;
}

void ObjectSource::OpenClaimed(const ListedObject& listed) {
  Open& open = *open_;
  TakeLost(listed.info.uri);  // an earlier claim
  {
    absl::MutexLock lock(&progress_.mutex);
    progress_.now = {listed.info.uri, 0, listed.info.size};
  }
  open.after = {open.entry->position.row, open.entry->position.byte};
  absl::StatusOr<std::unique_ptr<ObjectReader>> object = listed.store->Open(listed.info);
  if (!object.ok()) {
    open.error = object.status();
    return;
  }
  open.object = *std::move(object);
  ReadOptions read = ReadOptionsFor(*open.config);
  read.from = open.after;
  read.warnings = options_.warnings;
  absl::StatusOr<std::unique_ptr<RowReader>> rows = OpenMappedRows(open.object, *open.config, read);
  if (!rows.ok()) {
    open.error = rows.status();
    return;
  }
  open.rows = *std::move(rows);
}

// Ends the object if the error is its own; ends the source if the store is unavailable (it would be
// for the next object too) or rejects the credentials, or if a stop was requested.
absl::StatusOr<std::unique_ptr<Chunk>> ObjectSource::EndWith(absl::Status error,
                                                             const std::stop_token& stop) {
  if (stop.stop_requested() || absl::IsCancelled(error)) {
    return absl::CancelledError("the run was stopped");
  }
  const bool of_the_store = absl::IsUnavailable(error) || absl::IsUnauthenticated(error);
  if (of_the_store && !options_.tolerate_store_errors) return error;
  return Last(std::move(error));
}

std::unique_ptr<Chunk> ObjectSource::Last(absl::Status error) {
  auto chunk = std::make_unique<Chunk>();
  chunk->object = open_->entry;
  chunk->first_row = open_->after.row;
  chunk->after = {open_->after.row, open_->after.byte};
  chunk->last = true;
  if (!error.ok()) {
    absl::MutexLock lock(&mutex_);
    errors_[open_->entry->key.object] = error;
  }
  chunk->error = std::move(error);
  // An object that ends early (sampled, damaged) counts as a whole in the progress of the run.
  if (open_->entry->object_bytes > open_->raw_bytes) {
    progress_.bytes_done += open_->entry->object_bytes - open_->raw_bytes;
  }
  open_.reset();
  return chunk;
}

// The rest belongs to another worker, and the run drops this chunk: it must end the object, but not
// as if all of it was read.
std::unique_ptr<Chunk> ObjectSource::LastOfLost() {
  std::unique_ptr<Chunk> chunk = Last(absl::OkStatus());
  chunk->error = absl::AbortedError("another worker took the object over");
  return chunk;
}

void ObjectSource::ReportPlace(uint64_t raw_bytes) {
  if (raw_bytes <= open_->raw_bytes) return;
  progress_.bytes_read += raw_bytes - open_->raw_bytes;
  progress_.bytes_done += raw_bytes - open_->raw_bytes;
  open_->raw_bytes = raw_bytes;
  absl::MutexLock lock(&progress_.mutex);
  progress_.now.bytes = raw_bytes;
}

LedgerKey KeyOf(const ObjectInfo& object, const SourceConfig& config,
                const std::string& destination) {
  return {object.uri, object.version, StrCat(config.config_id, ":", config.fingerprint),
          destination};
}

}  // namespace millrace
