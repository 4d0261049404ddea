// Which days are asked for in one request of the raw export, of which Mixpanel answers 60 an hour.
#ifndef MILLRACE_RECONCILE_DAY_SPAN_H_
#define MILLRACE_RECONCILE_DAY_SPAN_H_

#include <cstdint>
#include <map>
#include <vector>

namespace millrace {

// Days since 1970-01-01, both inclusive.
struct DaySpan {
  int64_t first = 0;
  int64_t last = 0;
  uint64_t rows = 0;  // of ours in these days
  friend bool operator==(const DaySpan&, const DaySpan&) = default;
};

// Joins neighbouring days while they hold `max_rows` at most. Up to a week without rows of ours
// may lie between two days of a span. A day with more rows is a span of its own. `days` is rows by
// day.
std::vector<DaySpan> PlanSpans(const std::map<int64_t, uint64_t>& days, uint64_t max_rows);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_DAY_SPAN_H_
