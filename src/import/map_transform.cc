#include "import/map_transform.h"

#include <stdexcept>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "import/object_source.h"

namespace millrace {
namespace {

// Maps the rows of one chunk as they are decoded.
class MapVisitor : public RowVisitor {
 public:
  MapVisitor(RowMapper& mapper, Transformed& out) : mapper_(mapper), out_(out) {}

  void OnRow(const Row& row) override {
    switch (mapper_.Map(row, out_.batch, why_)) {
      case MapOutcome::kMapped:
        return;
      case MapOutcome::kFiltered:
        ++out_.filtered;
        return;
      case MapOutcome::kRejected:
        ByteBuffer before;
        AppendRowAsJson(row, before);
        out_.rejections.push_back({.source_row = row.number,
                                   .code = why_.code,
                                   .field = why_.field,
                                   .message = why_.message,
                                   .payload_before = std::string(before.view()),
                                   .payload_after = why_.mapped});
        return;
    }
  }

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
  MapError why_;
};

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
  MapVisitor visitor(mapper, out);
  payload.rows->ForEachRow(scratch_, visitor);
}

}  // namespace millrace
