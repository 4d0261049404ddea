#include "reconcile/day_span.h"

namespace millrace {
namespace {
constexpr int64_t kMaxGap = 7;  // days
}

std::vector<DaySpan> PlanSpans(const std::map<int64_t, uint64_t>& days, uint64_t max_rows) {
  std::vector<DaySpan> spans;
  for (const auto& [day, rows] : days) {
    if (!spans.empty() && spans.back().rows + rows <= max_rows &&
        day - spans.back().last <= kMaxGap + 1) {
      spans.back().last = day;
      spans.back().rows += rows;
    } else {
      spans.push_back({day, day, rows});
    }
  }
  return spans;
}

}  // namespace millrace
