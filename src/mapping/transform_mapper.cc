#include "mapping/transform_mapper.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kNoDraft = std::numeric_limits<size_t>::max();

}  // namespace

TransformMapper::TransformMapper(std::unique_ptr<RecordMapper> drafter,
                                 std::unique_ptr<Script> script,
                                 std::unique_ptr<RecordMapper> finisher)
    : drafter_(std::move(drafter)), script_(std::move(script)), finisher_(std::move(finisher)) {}

void TransformMapper::BeginObject(std::string_view uri, std::string_view version) {
  drafter_->BeginObject(uri, version);
  finisher_->BeginObject(uri, version);
}

void TransformMapper::SetNow(absl::Time now) {
  drafter_->SetNow(now);
  finisher_->SetNow(now);
}

MapOutcome TransformMapper::Map(const Row& row, Batch& out, MapError& why) {
  HeldRows held;
  Hold(row, out);
  Flush(out, held);
  if (held.rejected.empty()) return held.filtered > 0 ? MapOutcome::kFiltered : MapOutcome::kMapped;
  why = std::move(held.rejected.front().why);
  return MapOutcome::kRejected;
}

void TransformMapper::Hold(const Row& row, Batch& /*out*/) {
  RecordOrigin origin{.row = row.number};
  MapError why;
  if (!drafter_->Map(row, origin, drafts_, why)) {
    drafts_.DropUnfinishedRow();
    refused_.push_back({row.number, std::move(why)});
    return;
  }
  origins_.push_back(origin);
}

void TransformMapper::Flush(Batch& out, HeldRows& held) {
  out_ = &out;
  held_ = &held;
  draft_ = kNoDraft;
  accounted_.assign(drafts_.rows(), false);
  const size_t rejected_before = held.rejected.size();
  std::move(refused_.begin(), refused_.end(), std::back_inserter(held.rejected));
  script_->Run(drafts_, results_, failures_);
  parser_.ParseLines(results_, *this);
  for (ScriptFailure& failure : failures_) {
    Reject(failure.record,
           {.code = std::move(failure.code), .message = std::move(failure.message)});
  }
  std::stable_sort(held.rejected.begin() + static_cast<ptrdiff_t>(rejected_before),
                   held.rejected.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
  held.filtered += static_cast<uint64_t>(std::count(accounted_.begin(), accounted_.end(), false));

  refused_.clear();
  drafts_.clear();
  origins_.clear();
  results_.clear();
  failures_.clear();
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
  if (why.mapped.empty()) why.mapped = std::string(results_.row(row.number));
  draft_rejected_ = true;
  KeepRows(*out_, out_rows_);
  Reject(draft, std::move(why));
}

void TransformMapper::OnBadRow(uint64_t number, const absl::Status& why, std::string_view /*raw*/) {
  const auto draft = static_cast<size_t>(results_.source_rows[number]);
  if (draft != draft_) BeginDraft(draft);
  if (draft_rejected_) return;
  draft_rejected_ = true;
  KeepRows(*out_, out_rows_);
  Reject(draft, {.code = "invalid_value",
                 .message = StrCat("what the transform returned: ", ToStd(why.message())),
                 .mapped = std::string(results_.row(number))});
}

void TransformMapper::Reject(size_t draft, MapError why) {
  accounted_[draft] = true;
  if (why.mapped.empty()) why.mapped = std::string(drafts_.row(draft));
  held_->rejected.push_back({.row = origins_[draft].row, .why = std::move(why)});
}

}  // namespace millrace
