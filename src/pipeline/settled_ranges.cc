#include "pipeline/settled_ranges.h"

#include <algorithm>

namespace millrace {

std::vector<SettledRange> SettledRanges(const Batch& batch, absl::Span<const BatchSpan> spans,
                                        absl::Span<const RefusedRow> refused,
                                        absl::Span<const size_t> fenced) {
  std::vector<SettledRange> ranges;
  size_t next = 0;  // of `refused`
  for (size_t i = 0; i < spans.size(); ++i) {
    const BatchSpan& span = spans[i];
    const bool is_fenced = std::binary_search(fenced.begin(), fenced.end(), i);
    uint64_t begin = span.begin_row;
    const auto add_until = [&](uint64_t end) {
      if (!is_fenced && begin < end) ranges.push_back({i, begin, end});
    };
    for (; next < refused.size() && refused[next].row < span.first + span.rows; ++next) {
      const uint64_t row = batch.source_rows[refused[next].row];
      add_until(row);
      begin = std::max(begin, row + 1);
    }
    add_until(span.end_row);
  }
  return ranges;
}

std::vector<SettledRange> Witnesses(const Batch& batch, absl::Span<const BatchSpan> spans,
                                    absl::Span<const RefusedRow> refused,
                                    absl::Span<const size_t> fenced) {
  std::vector<SettledRange> witnesses;
  size_t next = 0;  // of `refused`
  for (size_t i = 0; i < spans.size(); ++i) {
    const size_t end = spans[i].first + spans[i].rows;
    size_t row = spans[i].first;
    while (next < refused.size() && refused[next].row < row) ++next;
    for (; row < end && next < refused.size() && refused[next].row == row; ++row) ++next;
    if (row == end || std::binary_search(fenced.begin(), fenced.end(), i)) continue;
    witnesses.push_back({i, batch.source_rows[row], batch.source_rows[row] + 1});
  }
  return witnesses;
}

}  // namespace millrace
