#include "reconcile/day_span.h"

namespace millrace {
namespace {
constexpr int64_t kMostGap = 7;  // days
}

std::vector<DaySpan> PlanSpans(const std::map<int64_t, uint64_t>& days, uint64_t most_rows) {
  std::vector<DaySpan> spans;
  for (const auto& [day, rows] : days) {
    if (!spans.empty() && spans.back().rows + rows <= most_rows &&
        day - spans.back().last <= kMostGap + 1) {
      spans.back().last = day;
      spans.back().rows += rows;
    } else {
      spans.push_back({day, day, rows});
    }
  }
  return spans;
}

}  // namespace millrace
