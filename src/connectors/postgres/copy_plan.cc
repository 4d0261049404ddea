#include "connectors/postgres/copy_plan.h"

#include <algorithm>
#include <utility>

namespace millrace::postgres {
namespace {

constexpr size_t kMinRows = 16;

}  // namespace

CopyPlan::CopyPlan(const CopyBatch& batch, std::vector<RowRange> rows) : batch_(batch) {
  for (const RowRange& range : rows) {
    if (batch.has_lines(range)) left_.push_back(range);
    for (const RefusedRow& refused : batch.refused()) {
      if (refused.row >= range.begin && refused.row < range.end) refused_.push_back(refused);
    }
  }
}

std::optional<RowRange> CopyPlan::Next() const {
  if (left_.empty()) return std::nullopt;
  RowRange next = left_.front();
  if (next.size() > max_rows_) {
    next.end = std::min(next.end, batch_.GroupOf(next.begin + max_rows_ - 1).end);
  }
  return next;
}

void CopyPlan::Copied() {
  const RowRange copied = *Next();
  left_.front().begin = copied.end;
  if (left_.front().size() == 0) left_.pop_front();
  told_apart_ = true;
  if (max_rows_ < batch_.rows()) max_rows_ *= 2;
}

void CopyPlan::RefuseRow(size_t row, const RefusedRow& why) {
  const RowRange refused = *Next();
  const RowRange group = batch_.GroupOf(row);
  batch_.RefuseGroup(row, why, refused_);
  told_apart_ = true;
  max_rows_ = std::max(kMinRows, refused.size() / 2);
  RowRange rest = left_.front();
  left_.pop_front();
  const RowRange before{rest.begin, group.begin};
  rest.begin = group.end;
  if (batch_.has_lines(rest)) left_.push_front(rest);
  if (batch_.has_lines(before)) left_.push_front(before);
}

void CopyPlan::Refuse(const RefusedRow& why) {
  const RowRange refused = *Next();
  if (batch_.GroupOf(refused.begin).end >= refused.end) {
    const bool told_apart = told_apart_;
    RefuseRow(refused.begin, why);
    told_apart_ = told_apart;
    return;
  }
  RowRange middle = batch_.GroupOf(refused.begin + refused.size() / 2);
  if (middle.begin == refused.begin) middle.begin = middle.end;
  RowRange rest = left_.front();
  left_.pop_front();
  rest.begin = refused.end;
  for (const RowRange part :
       {rest, RowRange{middle.begin, refused.end}, RowRange{refused.begin, middle.begin}}) {
    if (batch_.has_lines(part)) left_.push_front(part);
  }
}

std::vector<RowRange> CopyPlan::Probes() const {
  std::vector<RowRange> probes;
  size_t rows = 0;
  for (const RowRange& range : left_) rows += range.size();
  const size_t step = std::max<size_t>(1, rows / kProbes);
  size_t skip = 0;  // rows until the next probe
  for (const RowRange& range : left_) {
    for (size_t row = range.begin; row < range.end && probes.size() < kProbes;) {
      const RowRange group = batch_.GroupOf(row);
      const bool due = skip == 0 && batch_.has_lines(group);
      if (due) probes.push_back(group);
      if (due) skip = step;
      skip -= std::min(skip, group.size());
      row = group.end;
    }
  }
  return probes;
}

std::vector<RefusedRow> CopyPlan::TakeRefused() {
  std::sort(refused_.begin(), refused_.end(),
            [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  return std::move(refused_);
}

}  // namespace millrace::postgres
