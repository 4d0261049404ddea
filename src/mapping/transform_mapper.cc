#include "mapping/transform_mapper.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kNoDraft = std::numeric_limits<size_t>::max();
// Results are parsed together, about this many at a time.
constexpr size_t kMaxResultBytes = 4 << 20;

}  // namespace

TransformMapper::TransformMapper(std::unique_ptr<RecordMapper> drafter,
                                 std::unique_ptr<Script> script,
                                 std::unique_ptr<RecordMapper> finisher)
    : drafter_(std::move(drafter)), script_(std::move(script)), finisher_(std::move(finisher)) {}

void TransformMapper::BeginObject(std::string_view uri, std::string_view version) {
  drafter_->BeginObject(uri, version);
  finisher_->BeginObject(uri, version);
  ForgetDrafts();
}

void TransformMapper::SetNow(absl::Time now) {
  drafter_->SetNow(now);
  finisher_->SetNow(now);
}

MapOutcome TransformMapper::Map(const Row& row, Batch& out, MapError& why) {
  BufferedRows held;
  Buffer(row, out);
  while (!Flush(std::numeric_limits<size_t>::max(), out, held)) {
  }
  if (held.rejected.empty()) return held.filtered > 0 ? MapOutcome::kFiltered : MapOutcome::kMapped;
  why = std::move(held.rejected.front().why);
  return MapOutcome::kRejected;
}

size_t TransformMapper::Buffer(const Row& row, Batch& /*out*/) {
  RecordOrigin origin{.row = row.number};
  const size_t before = drafts_.bytes.size();
  MapError why;
  if (!drafter_->Map(row, origin, drafts_, why)) {
    drafts_.DropUnfinishedRow();
    const size_t bytes = why.mapped.size();
    refused_.push_back({row.number, std::move(why)});
    return bytes;
  }
  origins_.push_back(origin);
  return drafts_.bytes.size() - before;
}

bool TransformMapper::Flush(size_t max_bytes, Batch& out, BufferedRows& held) {
  out_ = &out;
  held_ = &held;
  const size_t rejected_before = held.rejected.size();
  const size_t bytes_before = out.bytes.size() + held.bytes;
  for (BufferedRows::Rejected& one : refused_) held.Reject(one.row, std::move(one.why));
  refused_.clear();
  size_t added = 0;
  while (next_draft_ < drafts_.rows() && added < max_bytes) {
    FlushSome(std::min(max_bytes - added, kMaxResultBytes));
    added = out.bytes.size() + held.bytes - bytes_before;
  }
  std::stable_sort(held.rejected.begin() + static_cast<ptrdiff_t>(rejected_before),
                   held.rejected.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
  if (next_draft_ < drafts_.rows()) return false;
  ForgetDrafts();
  return true;
}

void TransformMapper::ForgetDrafts() {
  refused_.clear();
  drafts_.clear();
  origins_.clear();
  next_draft_ = 0;
}

void TransformMapper::FlushSome(size_t max_bytes) {
  const size_t first = next_draft_;
  accounted_.assign(drafts_.rows(), false);
  draft_ = kNoDraft;
  next_draft_ = script_->Run(drafts_, first, max_bytes, results_, failures_);
  parser_.ParseLines(results_, *this);
  for (ScriptFailure& failure : failures_) {
    Reject(failure.record,
           {.code = std::move(failure.code), .message = std::move(failure.message)});
  }
  const auto begin = accounted_.begin();
  held_->filtered += static_cast<uint64_t>(std::count(
      begin + static_cast<ptrdiff_t>(first), begin + static_cast<ptrdiff_t>(next_draft_), false));
  results_.clear();
  failures_.clear();
  if (results_.bytes.capacity() > 2 * kMaxResultBytes) results_ = Batch();
}

void TransformMapper::BeginDraft(size_t draft) {
  draft_ = draft;
  draft_rejected_ = false;
  out_rows_ = out_->rows();
  accounted_[draft] = true;
}

void TransformMapper::OnRow(const Row& row) {
  const auto draft = static_cast<size_t>(results_.source_rows[row.number]);
  if (draft != draft_) BeginDraft(draft);
  if (draft_rejected_) return;
  RecordOrigin& origin = origins_[draft];
  Row record = row;
  record.number = origin.row;
  MapError why;
  if (finisher_->Map(record, origin, *out_, why)) {
    ++origin.part;
    return;
  }
  if (why.mapped.empty()) why.mapped = std::string(parser_.line(row.number));
  draft_rejected_ = true;
  out_->KeepRows(out_rows_);
  Reject(draft, std::move(why));
}

void TransformMapper::OnBadRow(uint64_t number, const absl::Status& why, std::string_view /*raw*/) {
  const auto draft = static_cast<size_t>(results_.source_rows[number]);
  if (draft != draft_) BeginDraft(draft);
  if (draft_rejected_) return;
  draft_rejected_ = true;
  out_->KeepRows(out_rows_);
  Reject(draft, {.code = "invalid_value",
                 .message = StrCat("what the transform returned: ", ToStd(why.message())),
                 .mapped = std::string(parser_.line(number))});
}

void TransformMapper::Reject(size_t draft, MapError why) {
  accounted_[draft] = true;
  if (why.mapped.empty()) why.mapped = std::string(drafts_.row(draft));
  held_->Reject(origins_[draft].row, std::move(why));
}

}  // namespace millrace
