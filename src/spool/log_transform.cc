#include "spool/log_transform.h"

#include <vector>

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
  const std::vector<RowSpan>& rows = mapped_->rows;
  const size_t begin = rows[next_].begin;
  const size_t before = out.bytes.size();
  size_t size = 0;  // of the rows that are copied, with their line ends
  for (; next_ < rows.size() && size < max_bytes; ++next_) {
    size = rows[next_].end + 1 - begin;
    out.row_ends.push_back(before + size);
    out.source_rows.push_back(mapped_->first_row + next_);
  }
  out.bytes.Append(mapped_->text.view(begin, begin + size));
  return next_ == rows.size();
}

}  // namespace millrace
