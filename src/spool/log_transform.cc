#include "spool/log_transform.h"

namespace millrace {
namespace {

// Mapped events keep Mixpanel's rules, so a destination that allows as much takes them.
bool TakesMapped(const RecordRules& rules) {
  constexpr RecordRules kKept = RecordRules::Mixpanel();
  return rules.max_properties >= kKept.max_properties && rules.max_bytes >= kKept.max_bytes;
}

// Whether the rows of a source are records, which the config does not change.
bool IsPlain(const SourceConfig& config) {
  return config.mixpanel_format && config.mappings.empty() && config.transform.empty();
}

}  // namespace

LogTransform::LogTransform(Clock& clock, const RecordRules& rules, ScriptPool* scripts)
    : takes_mapped_(TakesMapped(rules)), map_(clock, rules, scripts) {}

void LogTransform::Begin(Chunk& chunk) {
  const auto& payload = static_cast<const LogPayload&>(*chunk.payload);
  mapped_ = takes_mapped_ && IsPlain(*payload.config) ? payload.mapped : nullptr;
  next_ = 0;
  if (mapped_ == nullptr) map_.Begin(chunk);
}

bool LogTransform::Next(size_t max_bytes, Transformed& out) {
  return mapped_ != nullptr ? Copy(max_bytes, out.batch) : map_.Next(max_bytes, out);
}

bool LogTransform::Copy(size_t max_bytes, Batch& out) {
  const size_t before = out.bytes.size();
  while (next_ < mapped_->rows.size() && out.bytes.size() - before < max_bytes) {
    out.bytes.Append(mapped_->row(next_));
    out.EndRow(mapped_->first_row + next_);
    ++next_;
  }
  return next_ == mapped_->rows.size();
}

}  // namespace millrace
