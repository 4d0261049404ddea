#include "mapping/row_mapper.h"

#include <utility>

#include "base/json_writer.h"
#include "base/status.h"
#include "mapping/record_mapper.h"
#include "mapping/transform_mapper.h"
#include "script/script.h"
#include "script/script_pool.h"

namespace millrace {
namespace {

class DirectMapper : public RowMapper {
 public:
  explicit DirectMapper(std::unique_ptr<RecordMapper> mapper) : mapper_(std::move(mapper)) {}

  void BeginObject(std::string_view uri, std::string_view version) override {
    mapper_->BeginObject(uri, version);
    rejected_.clear();
  }

  void SetNow(absl::Time now) override { mapper_->SetNow(now); }

  std::string_view opened_cell() const override { return mapper_->opened_cell(); }

  MapOutcome Map(const Row& row, Batch& out, MapError& why) override {
    RecordOrigin origin{.row = row.number};
    if (mapper_->Map(row, origin, out, why)) return MapOutcome::kMapped;
    out.DropUnfinishedRow();
    return MapOutcome::kRejected;
  }

  size_t Buffer(const Row& row, Batch& out) override {
    if (Map(row, out, why_) == MapOutcome::kMapped) return 0;
    const size_t bytes = why_.mapped.size();
    rejected_.push_back({row.number, std::move(why_)});
    return bytes;
  }

  bool Flush(size_t /*max_bytes*/, Batch& /*out*/, BufferedRows& held) override {
    for (BufferedRows::Rejected& one : rejected_) held.Reject(one.row, std::move(one.why));
    rejected_.clear();
    return true;
  }

 private:
  const std::unique_ptr<RecordMapper> mapper_;
  MapError why_;
  std::vector<BufferedRows::Rejected> rejected_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowMapper>> RowMapper::Make(
    std::shared_ptr<const SourceConfig> config, absl::Time now, const RecordRules& rules,
    ScriptPool* scripts) {
  if (config->transform.empty()) {
    return std::make_unique<DirectMapper>(NewRecordMapper(config, now, rules, MapStage::kDirect));
  }
  const std::string& path = config->transform;
  const std::string& text = config->transform_text;
  ASSIGN_OR_RETURN(std::unique_ptr<Script> script,
                   scripts != nullptr ? scripts->Get(path, text) : Script::Load(path, text));
  return std::make_unique<TransformMapper>(NewRecordMapper(config, now, rules, MapStage::kDraft),
                                           std::move(script),
                                           NewRecordMapper(config, now, rules, MapStage::kFinal));
}

void AppendRowAsJson(const Row& row, ByteBuffer& out) {
  out.Append('{');
  for (size_t i = 0; i < row.values.size(); ++i) {
    if (i != 0) out.Append(',');
    AppendJsonString(out, row.shape->names[i]);
    out.Append(':');
    AppendJsonValue(out, row.values[i]);
  }
  out.Append('}');
}

}  // namespace millrace
