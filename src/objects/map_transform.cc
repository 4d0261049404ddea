#include "objects/map_transform.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "objects/object_source.h"

namespace millrace {
namespace {

// Passes the rows of one chunk to the mapper as they are decoded, from row `begin` until their
// output takes `max_bytes`.
class HoldVisitor : public RowVisitor {
 public:
  HoldVisitor(RowMapper& mapper, uint64_t begin, size_t max_bytes, Transformed& out)
      : mapper_(mapper), next_(begin), out_(out), full_at_(out.batch.bytes.size() + max_bytes) {}

  std::string_view opens() const override { return mapper_.opened_cell(); }
  void OnRow(const Row& row) override {
    if (row.number < next_ || IsFull()) return;
    next_ = row.number + 1;
    bytes_ += mapper_.Buffer(row, out_.batch);
  }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    OnOverlongRow(number, why, raw, raw.size());
  }
  void OnOverlongRow(uint64_t number, const absl::Status& why, std::string_view raw,
                     uint64_t size) override {
    const std::string_view kept = raw.substr(0, kMaxPayloadBytes);
    if (number < next_ || IsFull()) return;
    next_ = number + 1;
    bytes_ += kept.size();
    out_.rejections.push_back({.source_row = number,
                               .code = "unreadable_row",
                               .field = "",
                               .message = std::string(ToStd(why.message())),
                               .payload_before = std::string(kept),
                               .payload_before_bytes = size > kept.size() ? size : 0,
                               .payload_after = ""});
  }

  void OnFilteredRow(uint64_t number) override {
    if (number < next_ || IsFull()) return;
    next_ = number + 1;
    ++out_.filtered;
  }

  uint64_t next() const { return next_; }

 private:
  bool IsFull() const { return out_.batch.bytes.size() + bytes_ >= full_at_; }

  RowMapper& mapper_;
  uint64_t next_;
  Transformed& out_;
  const size_t full_at_;
  size_t bytes_ = 0;  // held by the mapper, or of rejections
};

// Adds the rejected rows of a chunk in a second pass over it, because source rows are stored only
// for rejected rows.
class RejectedVisitor : public RowVisitor {
 public:
  // `rejected`: in the order of the rows.
  RejectedVisitor(std::vector<BufferedRows::Rejected> rejected, Transformed& out)
      : rejected_(std::move(rejected)), out_(out) {}

  void OnRow(const Row& row) override {
    if (next_ == rejected_.size() || rejected_[next_].row != row.number) return;
    MapError& why = rejected_[next_++].why;
    payload_.clear();
    AppendRowAsJson(row, payload_);
    out_.rejections.push_back({.source_row = row.number,
                               .code = std::move(why.code),
                               .field = std::move(why.field),
                               .message = std::move(why.message),
                               .payload_before = std::string(payload_.view()),
                               .payload_after = std::move(why.mapped)});
  }

  void OnBadRow(uint64_t, const absl::Status&, std::string_view) override {}

 private:
  std::vector<BufferedRows::Rejected> rejected_;
  size_t next_ = 0;
  Transformed& out_;
  ByteBuffer payload_;
};

}  // namespace

RowMapper& MapTransform::MapperFor(const std::shared_ptr<const SourceConfig>& config,
                                   absl::Time now) {
  std::unique_ptr<RowMapper>& mapper = mappers_[config.get()];
  if (mapper == nullptr) {
    absl::StatusOr<std::unique_ptr<RowMapper>> made =
        RowMapper::Make(config, now, rules_, scripts_);
    // The import loaded every transform before it started: only memory can fail here.
    if (!made.ok()) throw std::runtime_error(made.status().ToString());
    mapper = *std::move(made);
  }
  return *mapper;
}

void MapTransform::Begin(Chunk& chunk) {
  auto& payload = static_cast<RowsPayload&>(*chunk.payload);
  const absl::Time now = clock_ != nullptr ? clock_->Now() : now_;
  mapper_ = &MapperFor(payload.config, now);
  mapper_->SetNow(now);
  mapper_->BeginObject(chunk.object->key.object, chunk.object->key.version);
  rows_ = payload.rows.get();
  next_row_ = rows_->first_row();
  end_row_ = next_row_ + rows_->row_count();
  flushed_ = true;
}

bool MapTransform::Next(size_t max_bytes, Transformed& out) {
  BufferedRows held;
  const size_t before = out.batch.bytes.size();
  const auto added = [&] { return out.batch.bytes.size() - before + held.bytes; };
  while (!flushed_ || (next_row_ < end_row_ && added() < max_bytes)) {
    if (flushed_) {
      HoldVisitor visitor(*mapper_, next_row_, max_bytes - added(), out);
      rows_->ForEachRow(scratch_, visitor);
      next_row_ = visitor.next();
    }
    const size_t room = max_bytes - std::min(max_bytes, added());
    flushed_ = mapper_->Flush(room, out.batch, held);
    if (!flushed_) break;
  }
  out.filtered += held.filtered;
  AddRejected(std::move(held), out);
  return flushed_ && next_row_ == end_row_;
}

void MapTransform::AddRejected(BufferedRows held, Transformed& out) {
  if (held.rejected.empty()) return;
  RejectedVisitor rejected(std::move(held.rejected), out);
  rows_->ForEachRow(scratch_, rejected);
}

}  // namespace millrace
