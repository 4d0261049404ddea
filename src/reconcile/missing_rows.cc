#include "reconcile/missing_rows.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "mapping/identity_event.h"
#include "objects/map_transform.h"
#include "objects/mapped_rows.h"
#include "objects/object_source.h"
#include "objects/row_set.h"
#include "pipeline/retry_unavailable.h"
#include "reconcile/wanted_events.h"

namespace millrace {
namespace {

constexpr std::string_view kRepair = "repair:";

// The object of a repair.
LedgerKey RepairKey(LedgerKey key) {
  key.object = StrCat(kRepair, key.object);
  return key;
}

LedgerKey ImportKey(LedgerKey key) {
  key.object.erase(0, kRepair.size());
  return key;
}

struct WantedRows : RowsPayload {
  std::shared_ptr<const LedgerEntry> imported;  // mapping may hash the name of the object
  std::vector<Fingerprint> wanted;              // by row
};

// The rows of the run's open objects of which not all events are sent. Thread-safe.
class PartialRows {
 public:
  void Add(const LedgerKey& object, uint64_t row) {
    absl::MutexLock lock(&mutex_);
    rows_[object].Add(row);
  }
  bool Contains(const LedgerKey& object, uint64_t row) const {
    absl::MutexLock lock(&mutex_);
    const auto rows = rows_.find(object);
    return rows != rows_.end() && rows->second.Contains(row);
  }
  void Drop(const LedgerKey& object) {
    absl::MutexLock lock(&mutex_);
    rows_.erase(object);
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<LedgerKey, RowSet> rows_ ABSL_GUARDED_BY(mutex_);
};

// The objects of `missing`, each up to its last missing row.
class MissingRowsSource : public Source {
 public:
  MissingRowsSource(const std::vector<ConfirmedObject>& objects, FingerprintSpill& missing,
                    std::string folder, Ledger& ledger, std::string owner, absl::Duration lease,
                    PartialRows& partial)
      : objects_(objects),
        missing_(missing),
        next_(missing.counts().begin()),
        ledger_(ledger),
        owner_(std::move(owner)),
        lease_(lease),
        partial_(partial),
        wanted_(std::move(folder)) {}

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("repairing was stopped");
    if (entry_ == nullptr) {
      if (next_ == missing_.counts().end()) return nullptr;
      RETURN_IF_ERROR(Open((next_++)->first, stop));
    }
    if (after_.row >= wanted_.end_row()) return Last();
    ASSIGN_OR_RETURN(std::unique_ptr<RowChunk> rows, reader_->Read(ChunkLimits()));
    if (rows == nullptr) return Last();
    auto chunk = std::make_unique<Chunk>();
    chunk->object = entry_;
    chunk->first_row = rows->first_row();
    chunk->rows = rows->row_count();
    after_ = rows->after();
    chunk->after = {after_.row, after_.byte};
    auto payload = std::make_unique<WantedRows>();
    payload->config = config_;
    payload->rows = std::move(rows);
    payload->imported = imported_;
    ASSIGN_OR_RETURN(payload->wanted, wanted_.Take(chunk->first_row, after_.row));
    chunk->payload = std::move(payload);
    return chunk;
  }

  bool Ready() override { return true; }  // everything that it reads is known at the start
  void Ack(const LedgerEntry& object) override { partial_.Drop(object.key); }
  void Release(const LedgerEntry& object, Unfinished) override { partial_.Drop(object.key); }

 private:
  absl::Status Open(int64_t number, const std::stop_token& stop) {
    const ConfirmedObject& confirmed = objects_[static_cast<size_t>(number)];
    RETURN_IF_ERROR(wanted_.Load(missing_, number));
    ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object,
                     confirmed.object.store->Open(confirmed.object.info));
    ASSIGN_OR_RETURN(reader_, OpenMappedRows(std::move(object), *confirmed.config,
                                             ReadOptionsFor(*confirmed.config)));
    config_ = confirmed.config;
    after_ = {};
    LedgerEntry imported;
    imported.key = confirmed.key;
    imported_ = std::make_shared<const LedgerEntry>(std::move(imported));
    ASSIGN_OR_RETURN(Ledger::Claim claim,
                     ledger_.ClaimObject({RepairKey(confirmed.key), owner_, 0, lease_}, stop));
    entry_ = std::make_shared<const LedgerEntry>(std::move(claim.entry));
    return absl::OkStatus();
  }

  std::unique_ptr<Chunk> Last() {
    auto chunk = std::make_unique<Chunk>();
    chunk->object = std::move(entry_);
    chunk->first_row = after_.row;
    chunk->after = {after_.row, after_.byte};
    chunk->last = true;
    entry_ = nullptr;
    return chunk;
  }

  const std::vector<ConfirmedObject>& objects_;
  FingerprintSpill& missing_;
  std::map<int64_t, uint64_t>::const_iterator next_;
  Ledger& ledger_;
  const std::string owner_;
  const absl::Duration lease_;
  PartialRows& partial_;
  // Of the open object; entry_ is null between objects.
  std::shared_ptr<const LedgerEntry> entry_;
  std::shared_ptr<const LedgerEntry> imported_;
  std::shared_ptr<const SourceConfig> config_;
  WantedEvents wanted_;
  std::unique_ptr<RowReader> reader_;
  Position after_;
};

// Maps rows and keeps the wanted events; rows without one count as filtered.
class MissingRowsTransform : public Transform {
 public:
  MissingRowsTransform(absl::Time now, const RecordRules& rules, const EventReader& reader,
                       PartialRows& partial)
      : map_(now, rules),
        identify_(reader.NewIdentify()),
        keeps_repeats_(reader.keeps_repeats()),
        partial_(partial) {}

  void Begin(Chunk& chunk) override {
    auto& payload = static_cast<WantedRows&>(*chunk.payload);
    wanted_ = std::move(payload.wanted);
    unwanted_rows_ = chunk.rows;
    last_wanted_row_ = UINT64_MAX;
    through_ = wanted_.empty();
    if (through_) return;
    object_ = chunk.object;
    chunk.object.swap(payload.imported);
    map_.Begin(chunk);
    chunk.object.swap(payload.imported);
  }

  bool Next(size_t max_bytes, Transformed& out) override {
    const size_t before = out.batch.bytes.size();
    while (!through_ && out.batch.bytes.size() - before < max_bytes) {
      mapped_.clear();
      through_ = map_.Next(max_bytes, mapped_);
      TakeWanted(out.batch);
    }
    if (through_) out.filtered += unwanted_rows_;
    return through_;
  }

 private:
  void TakeWanted(Batch& out) {
    const Batch& batch = mapped_.batch;
    for (size_t i = 0; i < batch.rows(); ++i) {
      const uint64_t row = batch.source_rows[i];
      const auto first = std::ranges::lower_bound(wanted_, row, {}, &Fingerprint::row);
      const auto last = std::ranges::upper_bound(wanted_, row, {}, &Fingerprint::row);
      if (first == last) continue;
      if (!Take({&*first, static_cast<size_t>(last - first)}, batch.row(i))) {
        partial_.Add(object_->key, row);
        continue;
      }
      if (row != last_wanted_row_) --unwanted_rows_;
      last_wanted_row_ = row;
      out.bytes.Append(batch.row(i));
      out.EndRow(row);
    }
  }

  // Each missing event is taken once. It is not known whether an event that connects ids is there:
  // it is sent with the others of its row, unless it would then be there twice.
  bool Take(absl::Span<Fingerprint> events, std::string_view record) {
    if (IsIdentityRecord(record)) return !keeps_repeats_;
    if (!identify_(record, identity_).ok()) return false;
    const Hash128 id = identity_.fingerprint();
    const auto found = std::find_if(events.begin(), events.end(), [&](const Fingerprint& one) {
      return one.id == id && one.optional == 0;
    });
    if (found == events.end()) return false;
    found->optional = 1;
    return true;
  }

  MapTransform map_;
  const EventReader::Identify identify_;
  const bool keeps_repeats_;
  PartialRows& partial_;
  Transformed mapped_;
  EventIdentity identity_;
  // Of the chunk:
  std::shared_ptr<const LedgerEntry> object_;
  std::vector<Fingerprint> wanted_;  // `optional` once it is taken
  uint64_t unwanted_rows_ = 0;
  uint64_t last_wanted_row_ = UINT64_MAX;
  bool through_ = true;
};

// For the objects of the import, whose earlier dead letters stay.
class AddOnlyDeadLetterQueue : public DeadLetterQueue {
 public:
  AddOnlyDeadLetterQueue(DeadLetterQueue& kept, const PartialRows& partial)
      : kept_(kept), partial_(partial) {}
  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    std::vector<Rejection> marked(rejections.begin(), rejections.end());
    for (Rejection& one : marked) one.partial = partial_.Contains(object, one.source_row);
    return kept_.Add(ImportKey(object), marked);
  }
  absl::Status Sync(const LedgerKey& object) override { return kept_.Sync(ImportKey(object)); }
  absl::Status RemoveRows(const LedgerKey&, uint64_t, uint64_t) override {
    return absl::OkStatus();
  }

 private:
  DeadLetterQueue& kept_;
  const PartialRows& partial_;
};

}  // namespace

absl::Status EndOtherRepairs(const std::vector<ConfirmedObject>& objects,
                             const FingerprintSpill& missing, RepairClaims& claims,
                             const RetryPolicy& retry, Clock& clock, std::stop_token stop) {
  Retrier retrier(retry, clock);
  for (const auto& [number, count] : missing.counts()) {
    const LedgerKey key = RepairKey(objects[static_cast<size_t>(number)].key);
    RETURN_IF_ERROR(RetryUnavailable(retrier, stop, [&] { return claims.Take(key, stop); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, RunOptions options, std::stop_token stop) {
  // The ledger rows of the objects stay unchanged: this run is not recorded.
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, OpenSqliteLedger(":memory:", parts.clock));
  PartialRows partial;
  MissingRowsSource source(objects, missing, parts.folder, *ledger,
                           parts.claims == nullptr ? "repair" : parts.claims->owner(),
                           options.lease, partial);
  AddOnlyDeadLetterQueue dead_letter(parts.dead_letter, partial);
  parts.destination.AdaptOptions(options);
  SinkFactory make_sink;
  if (parts.staging == nullptr) {
    make_sink = [&parts] { return parts.destination.NewSink(RecordType::kEvent); };
  }
  return Run({.source = source,
              .make_transform =
                  [&] {
                    return std::make_unique<MissingRowsTransform>(now, parts.destination.rules(),
                                                                  parts.reader, partial);
                  },
              .make_sink = std::move(make_sink),
              .ledger = *ledger,
              .dead_letter = dead_letter,
              .cursor = parts.claims,
              .staging = parts.staging,
              .clock = parts.clock},
             options, std::move(stop));
}

}  // namespace millrace
