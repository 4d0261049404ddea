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
    out_.rejections.push_back({.source_row = number,
                               .code = "unreadable_row",
                               .field = "",
                               .message = std::string(ToStd(why.message())),
                               .payload_before = std::string(raw),
                               .payload_after = ""});
  }

 private:
  RowMapper& mapper_;
  Transformed& out_;
};

void AddHeld(HeldRows held, Transformed& out) {
  out.filtered += held.filtered;
  for (HeldRows::Rejected& row : held.rejected) {
    out.rejections.push_back({.source_row = row.row,
                              .code = std::move(row.why.code),
                              .field = std::move(row.why.field),
                              .message = std::move(row.why.message),
                              .payload_before = std::move(row.payload),
                              .payload_after = std::move(row.why.mapped)});
  }
}

}  // namespace

RowMapper& MapTransform::MapperFor(const std::shared_ptr<const SourceConfig>& config) {
  std::unique_ptr<RowMapper>& mapper = mappers_[config.get()];
  if (mapper == nullptr) {
    absl::StatusOr<std::unique_ptr<RowMapper>> made = RowMapper::Make(config, now_);
    // The import has loaded every transform before it began: only memory can fail here.
    if (!made.ok()) throw std::runtime_error(made.status().ToString());
    mapper = *std::move(made);
  }
  return *mapper;
}

void MapTransform::Apply(Chunk& chunk, Transformed& out) {
  auto& payload = static_cast<RowsPayload&>(*chunk.payload);
  RowMapper& mapper = MapperFor(payload.config);
  mapper.BeginObject(chunk.object->key.object, chunk.object->key.version);
  HoldVisitor visitor(mapper, out);
  payload.rows->ForEachRow(scratch_, visitor);
  HeldRows held;
  mapper.Flush(out.batch, held);
  AddHeld(std::move(held), out);
}

}  // namespace millrace
