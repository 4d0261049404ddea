#include "plan/entry_sampler.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/memory/memory.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/decompress.h"
#include "io/gzip_encoder.h"
#include "mapping/row_mapper.h"
#include "objects/mapped_rows.h"
#include "plan/column_stats.h"
#include "plan/null_words.h"
#include "plan/plan_estimate.h"

namespace millrace {
namespace {

constexpr size_t kMaxTallies = 200;
constexpr size_t kMaxPreviewBytes = 64 << 10;
constexpr size_t kMaxBatchBytes = 4 << 20;  // as a batch of an import

absl::StatusOr<bool> IsCompressed(ObjectReader& object) {
  std::array<char, 4> head;
  ASSIGN_OR_RETURN(const size_t size, object.ReadAt(0, absl::MakeSpan(head)));
  return DetectCompression({head.data(), size}) != Compression::kNone;
}

}  // namespace

// Maps rows as an import would, and counts.
class EntrySampler::Tally : public RowVisitor {
 public:
  Tally(const SourceConfig& config, const SampleOptions& options, std::unique_ptr<RowMapper> mapper,
        SeenRecords& seen)
      : options_(options),
        mapper_(std::move(mapper)),
        inspector_(config.record_type, options.now, seen),
        columns_(config),
        gzip_encoder_(GzipEffort::kFast) {}

  void BeginObject(const ObjectInfo& object, FileType type,
                   const std::vector<std::string>& columns) {
    mapper_->BeginObject(object.uri, object.version);
    columns_.BeginObject(object.uri);
    columns_.See(columns);
    // Only text formats have words for null; nulls of other formats have no text.
    has_null_words_ = type == FileType::kCsv || type == FileType::kTsv;
    object_ = object.uri;
    of_object_ = {};
  }
  void EndObject() { columns_.EndObject(); }

  // Adds the outcome of `chunk` to the amounts of the object.
  void AddChunk(RowChunk& chunk, DecodeScratch& scratch) {
    chunk_memory_ = chunk.memory();
    chunk.ForEachRow(scratch, *this);
    TakeBatch();
  }

  void OnRow(const Row& row) override {
    columns_.See(*row.shape);
    if (has_null_words_) null_words_.See(row);
    ++of_object_.rows;
    ++rows_;
    const size_t before = batch_.rows();
    switch (mapper_->Map(row, batch_, why_)) {
      case MapOutcome::kMapped:
        ++mapped_;
        for (size_t i = before; i < batch_.rows(); ++i) {
          if (inspector_.Inspect(batch_.row(i))) ShowMapped(row, batch_.row(i), new_names_);
        }
        if (batch_.rows() > before) ShowMapped(row, batch_.row(before), first_ones_);
        if (batch_.bytes.size() >= kMaxBatchBytes) TakeBatch();
        return;
      case MapOutcome::kFiltered:
        ++filtered_;
        return;
      case MapOutcome::kRejected:
        CountRejected(why_, row.number, [&] { return Json(row); });
        return;
    }
  }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    ++of_object_.rows;
    ++rows_;
    MapError error{.code = "unreadable_row", .message = std::string(ToStd(why.message()))};
    CountRejected(error, number, [&] { return std::string(raw); });
  }

  const Amounts& of_object() const { return of_object_; }

  void Describe(EntryPlan& plan) const {
    plan.sampled_rows = rows_;
    plan.mapped = mapped_;
    plan.filtered = filtered_;
    plan.rejected = rejected_;
    plan.largest_chunk_bytes = largest_chunk_bytes_;
    plan.records = inspector_.stats();
    plan.columns = columns_.columns();
    plan.missing_columns = columns_.missing();
    plan.unused_columns = columns_.unused();
    plan.null_words = null_words_.counts();
    for (const auto& [key, stats] : rejections_) plan.rejections.push_back(stats);
    std::sort(plan.rejections.begin(), plan.rejections.end(),
              [](const RejectionStats& a, const RejectionStats& b) {
                return std::tie(b.records, a.code, a.field) < std::tie(a.records, b.code, b.field);
              });
    plan.previews = Previews();
  }

 private:
  // Adds the contents of batch_ to the amounts.
  void TakeBatch() {
    const size_t chunk_bytes = chunk_memory_ + batch_.bytes.size();
    largest_chunk_bytes_ = std::max<uint64_t>(largest_chunk_bytes_, chunk_bytes);
    if (batch_.empty()) return;
    gzip_encoder_.Encode(batch_.bytes.view(), &gzip_);
    const auto parts = [](size_t amount, size_t max) { return (amount + max - 1) / max; };
    of_object_.events += static_cast<double>(batch_.rows());
    of_object_.requests +=
        static_cast<double>(std::max(parts(batch_.rows(), options_.limits.batch_events),
                                     parts(batch_.bytes.size(), options_.limits.batch_bytes)));
    of_object_.bytes += static_cast<double>(batch_.bytes.size());
    for (size_t i = 0; i < batch_.rows(); ++i) {
      const size_t size = batch_.row_ends[i] - batch_.start(i);
      of_object_.padded_bytes += std::max(static_cast<double>(size), options_.min_record_bytes);
    }
    of_object_.gzip_bytes += static_cast<double>(gzip_.size());
    batch_.clear();
  }

  static std::string Json(const Row& row) {
    ByteBuffer json;
    AppendRowAsJson(row, json);
    return std::string(json.view());
  }

  void ShowMapped(const Row& row, std::string_view record, std::vector<RecordPreview>& previews) {
    if (previews.size() >= options_.previews || record.size() > kMaxPreviewBytes) return;
    previews.push_back({object_, row.number, Json(row), std::string(record)});
  }

  // Prefers records with different event names, then the first records.
  std::vector<RecordPreview> Previews() const {
    std::vector<RecordPreview> previews = new_names_;
    for (const RecordPreview& preview : first_ones_) {
      if (previews.size() >= options_.previews) break;
      const bool shown = std::any_of(previews.begin(), previews.end(), [&](const auto& other) {
        return other.object == preview.object && other.row == preview.row;
      });
      if (!shown) previews.push_back(preview);
    }
    return previews;
  }

  template <typename Payload>
  void CountRejected(const MapError& why, uint64_t row, const Payload& payload) {
    ++of_object_.rejected;
    ++rejected_;
    const std::string key = StrCat(why.code, "\n", why.field);
    auto known = rejections_.find(key);
    if (known == rejections_.end()) {
      if (rejections_.size() >= kMaxTallies) return;
      RejectionStats stats{.code = why.code, .field = why.field, .message = why.message};
      stats.first = {object_, row, payload(), why.mapped};
      if (stats.first.before.size() > kMaxPreviewBytes) stats.first.before.resize(kMaxPreviewBytes);
      known = rejections_.emplace(key, std::move(stats)).first;
    }
    ++known->second.records;
  }

  const SampleOptions& options_;
  const std::unique_ptr<RowMapper> mapper_;
  RecordInspector inspector_;
  ColumnStats columns_;
  NullWords null_words_;
  bool has_null_words_ = false;  // the object
  Batch batch_;                  // the part of the chunk that is not in of_object_ yet
  size_t chunk_memory_ = 0;
  MapError why_;
  GzipEncoder gzip_encoder_;
  ByteBuffer gzip_;

  std::string object_;
  Amounts of_object_;
  uint64_t rows_ = 0;
  uint64_t mapped_ = 0;
  uint64_t filtered_ = 0;
  uint64_t rejected_ = 0;
  uint64_t largest_chunk_bytes_ = 0;
  absl::flat_hash_map<std::string, RejectionStats> rejections_;  // by code and field
  std::vector<RecordPreview> new_names_;
  std::vector<RecordPreview> first_ones_;
};

absl::StatusOr<std::unique_ptr<EntrySampler>> EntrySampler::Make(
    std::shared_ptr<const SourceConfig> config, const SampleOptions& options, SeenRecords& seen) {
  ASSIGN_OR_RETURN(std::unique_ptr<RowMapper> mapper,
                   RowMapper::Make(config, options.now, options.rules));
  auto sampler = absl::WrapUnique(new EntrySampler(std::move(config), options));
  sampler->stats_ =
      std::make_unique<Tally>(*sampler->config_, sampler->options_, std::move(mapper), seen);
  return sampler;
}

EntrySampler::EntrySampler(std::shared_ptr<const SourceConfig> config, const SampleOptions& options)
    : config_(std::move(config)), options_(options) {}

EntrySampler::~EntrySampler() = default;

void EntrySampler::Sample(const ListedObject& object, Position from, std::stop_token stop,
                          std::atomic<uint64_t>& progress, ObjectPlan& plan) {
  plan.sampled = true;
  if (const absl::Status status = ReadRows(object, from, std::move(stop), progress, plan);
      !status.ok()) {
    plan.error = ToStd(status.message());
  }
}

absl::Status EntrySampler::ReadRows(const ListedObject& object, Position from, std::stop_token stop,
                                    std::atomic<uint64_t>& progress, ObjectPlan& plan) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> bytes, object.store->Open(object.info));
  ReadOptions read = ReadOptionsFor(*config_);
  read.from = from;
  read.columns.clear();  // the plan also reports columns that are not mapped
  read.warnings = options_.warnings;
  ASSIGN_OR_RETURN(std::unique_ptr<RowReader> rows, OpenMappedRows(bytes, *config_, read));
  plan.format = std::string(FileTypeName(rows->type()));
  ASSIGN_OR_RETURN(const bool compressed, IsCompressed(*bytes));

  SampledExtent extent{
      .object_bytes = object.info.size, .known_rows = rows->known_rows(), .rows_before = from.row};
  RowDensity density(compressed);
  stats_->BeginObject(object.info, rows->type(), rows->columns());
  absl::Status status;
  while (!stop.stop_requested()) {
    if (options_.max_rows != 0 && extent.rows >= options_.max_rows) break;
    absl::StatusOr<std::unique_ptr<RowChunk>> chunk = rows->Read(ChunkLimits());
    if (!chunk.ok() || *chunk == nullptr) {
      status = chunk.status();
      extent.ended = true;
      break;
    }
    stats_->AddChunk(**chunk, scratch_);
    const Position after = (*chunk)->after();
    density.Measure(after.row, after.byte, rows->raw_bytes());
    extent.rows += (*chunk)->row_count();
    progress += (*chunk)->row_count();
  }
  stats_->EndObject();

  extent.rows_per_byte = density.rows_per_byte();
  const RowEstimate estimate = RowsFrom(extent);
  plan.sampled_rows = extent.rows;
  plan.exact = estimate.exact && status.ok();
  plan.to_do = stats_->of_object();
  if (extent.rows > 0 && status.ok()) {
    plan.to_do = plan.to_do.ScaledBy(estimate.rows / static_cast<double>(extent.rows));
  }
  return status;
}

void EntrySampler::Describe(EntryPlan& plan) const { stats_->Describe(plan); }

}  // namespace millrace
