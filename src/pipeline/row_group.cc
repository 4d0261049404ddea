#include "pipeline/row_group.h"

#include "base/strings.h"

namespace millrace {

// One past the last row of the span of `row`; rows ascend.
size_t RowGroups::EndOfSpan(size_t row) {
  while (span_ < spans_.size() && spans_[span_].first + spans_[span_].rows <= row) ++span_;
  return span_ < spans_.size() ? spans_[span_].first + spans_[span_].rows : batch_.rows();
}

RowRange RowGroups::Next() {
  RowRange group{next_row_, next_row_};
  if (next_row_ == batch_.rows()) return group;
  const size_t end = spans_.empty() ? next_row_ + 1 : EndOfSpan(next_row_);
  const uint64_t source_row = batch_.source_rows[next_row_];
  while (group.end < end && batch_.source_rows[group.end] == source_row) ++group.end;
  next_row_ = group.end;
  return group;
}

void RefuseGroup(RowRange group, const RefusedRow& why, std::vector<RefusedRow>& refused) {
  for (size_t row = group.begin; row < group.end; ++row) {
    if (row == why.row) {
      refused.push_back(why);
      continue;
    }
    refused.push_back(
        {.row = row,
         .code = "sibling_rejected",
         .message = StrCat("another event of the same source row was rejected: ", why.message)});
  }
}

}  // namespace millrace
