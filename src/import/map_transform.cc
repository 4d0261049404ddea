#include "import/map_transform.h"

#include <stdexcept>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "import/object_source.h"

namespace millrace {
namespace {

// Gives the rows of one chunk to the mapper as they are decoded.
class HoldVisitor : public RowVisitor {
 public:
  HoldVisitor(RowMapper& mapper, Transformed& out) : mapper_(mapper), out_(out) {}

  void OnRow(const Row& row) override { mapper_.Hold(row, out_.batch); }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override {
    OnOverlongRow(number, why, raw, raw.size());
  }
  void OnOverlongRow(uint64_t number, const absl::Status& why, std::string_view raw,
                     uint64_t size) override {
    const std::string_view kept = raw.substr(0, kMostPayloadBytes);
    out_.rejections.push_back({.source_row = number,
                               .code = "unreadable_row",
                               .field = "",
                               .message = std::string(ToStd(why.message())),
                               .payload_before = std::string(kept),
                               .payload_before_bytes = size > kept.size() ? size : 0,
                               .payload_after = ""});
  }

 private:
  RowMapper& mapper_;
  Transformed& out_;
};

// Adds the rejected rows of a chunk when they are shown once more: what they were is worth keeping
// for rejected rows only.
class RejectedVisitor : public RowVisitor {
 public:
  // `rejected`: in the order of the rows.
  RejectedVisitor(std::vector<HeldRows::Rejected> rejected, Transformed& out)
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
  std::vector<HeldRows::Rejected> rejected_;
  size_t next_ = 0;
  Transformed& out_;
  ByteBuffer payload_;
};

}  // namespace

RowMapper& MapTransform::MapperFor(const std::shared_ptr<const SourceConfig>& config,
                                   absl::Time now) {
  std::unique_ptr<RowMapper>& mapper = mappers_[config.get()];
  if (mapper == nullptr) {
    absl::StatusOr<std::unique_ptr<RowMapper>> made = RowMapper::Make(config, now, scripts_);
    // The import has loaded every transform before it began: only memory can fail here.
    if (!made.ok()) throw std::runtime_error(made.status().ToString());
    mapper = *std::move(made);
  }
  return *mapper;
}

void MapTransform::Apply(Chunk& chunk, Transformed& out) {
  auto& payload = static_cast<RowsPayload&>(*chunk.payload);
  const absl::Time now = clock_ != nullptr ? clock_->Now() : now_;
  RowMapper& mapper = MapperFor(payload.config, now);
  mapper.SetNow(now);
  mapper.BeginObject(chunk.object->key.object, chunk.object->key.version);
  HoldVisitor visitor(mapper, out);
  payload.rows->ForEachRow(scratch_, visitor);
  HeldRows held;
  mapper.Flush(out.batch, held);
  out.filtered += held.filtered;
  if (held.rejected.empty()) return;
  RejectedVisitor rejected(std::move(held.rejected), out);
  payload.rows->ForEachRow(scratch_, rejected);
}

}  // namespace millrace
