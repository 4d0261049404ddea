#include "reconcile/missing_rows.h"

#include <memory>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/sqlite/sqlite_ledger.h"
#include "objects/map_transform.h"
#include "objects/mapped_rows.h"
#include "objects/object_source.h"
#include "objects/row_set.h"

namespace millrace {
namespace {

struct WantedRows : RowsPayload {
  std::shared_ptr<const RowSet> wanted;
};

// The objects of `missing`, each up to its last missing row.
class MissingRowsSource : public Source {
 public:
  MissingRowsSource(const std::vector<ConfirmedObject>& objects, FingerprintSpill& missing,
                    Ledger& ledger, absl::Duration lease)
      : objects_(objects),
        missing_(missing),
        next_(missing.counts().begin()),
        ledger_(ledger),
        lease_(lease) {}

  absl::StatusOr<std::unique_ptr<Chunk>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("repairing was stopped");
    if (entry_ == nullptr) {
      if (next_ == missing_.counts().end()) return nullptr;
      RETURN_IF_ERROR(Open((next_++)->first, stop));
    }
    if (after_.row >= wanted_->end()) return Last();
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
    payload->wanted = wanted_;
    chunk->payload = std::move(payload);
    return chunk;
  }

  bool Ready() override { return true; }  // everything that it reads is known at the start

 private:
  absl::Status Open(int64_t number, const std::stop_token& stop) {
    const ConfirmedObject& confirmed = objects_[static_cast<size_t>(number)];
    auto wanted = std::make_shared<RowSet>();
    RETURN_IF_ERROR(missing_.ForEach(number, [&](const Fingerprint& f) { wanted->Add(f.row); }));
    wanted_ = std::move(wanted);
    ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object,
                     confirmed.object.store->Open(confirmed.object.info));
    ASSIGN_OR_RETURN(reader_, OpenMappedRows(std::move(object), *confirmed.config,
                                             ReadOptionsFor(*confirmed.config)));
    config_ = confirmed.config;
    after_ = {};
    ASSIGN_OR_RETURN(Ledger::Claim claim,
                     ledger_.ClaimObject({confirmed.key, "repair", 0, lease_}, stop));
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
  const absl::Duration lease_;
  // Of the open object; entry_ is null between objects.
  std::shared_ptr<const LedgerEntry> entry_;
  std::shared_ptr<const SourceConfig> config_;
  std::shared_ptr<const RowSet> wanted_;
  std::unique_ptr<RowReader> reader_;
  Position after_;
};

// Maps rows and keeps the wanted ones; the others count as filtered.
class MissingRowsTransform : public Transform {
 public:
  MissingRowsTransform(absl::Time now, const RecordRules& rules) : map_(now, rules) {}

  void Begin(Chunk& chunk) override {
    wanted_ = static_cast<WantedRows&>(*chunk.payload).wanted.get();
    unwanted_rows_ = chunk.rows;
    through_ = !wanted_->ContainsAny(chunk.first_row, chunk.first_row + chunk.rows);
    if (!through_) map_.Begin(chunk);
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
      if (!wanted_->Contains(row)) continue;
      if (i == 0 || batch.source_rows[i - 1] != row) --unwanted_rows_;
      out.bytes.Append(batch.row(i));
      out.EndRow(row);
    }
  }

  MapTransform map_;
  Transformed mapped_;
  // Of the chunk:
  const RowSet* wanted_ = nullptr;
  uint64_t unwanted_rows_ = 0;
  bool through_ = true;
};

// Dead letters of earlier runs stay.
class AddOnlyDeadLetterQueue : public DeadLetterQueue {
 public:
  explicit AddOnlyDeadLetterQueue(DeadLetterQueue& kept) : kept_(kept) {}
  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override {
    return kept_.Add(object, rejections);
  }
  absl::Status Sync(const LedgerKey& object) override { return kept_.Sync(object); }
  absl::Status Rewind(const LedgerKey&, uint64_t) override { return absl::OkStatus(); }

 private:
  DeadLetterQueue& kept_;
};

}  // namespace

absl::StatusOr<RunReport> ResendMissing(const std::vector<ConfirmedObject>& objects,
                                        FingerprintSpill& missing, ResendParts parts,
                                        absl::Time now, const RunOptions& options,
                                        std::stop_token stop) {
  // The ledger rows of the objects stay unchanged: this run is not recorded.
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, OpenSqliteLedger(":memory:", parts.clock));
  MissingRowsSource source(objects, missing, *ledger, options.lease);
  AddOnlyDeadLetterQueue dead_letter(parts.dead_letter);
  return Run({.source = source,
              .make_transform =
                  [now, rules = parts.rules] {
                    return std::make_unique<MissingRowsTransform>(now, rules);
                  },
              .make_sink = std::move(parts.make_sink),
              .ledger = *ledger,
              .dead_letter = dead_letter,
              .clock = parts.clock},
             options, std::move(stop));
}

}  // namespace millrace
