// Groups days into requests of the raw export, which Mixpanel limits to 60 per hour.
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
  uint64_t rows = 0;  // our rows in these days
  friend bool operator==(const DaySpan&, const DaySpan&) = default;
};

// Joins neighbouring days while they contain at most `max_rows`. Up to a week without our rows may
// be between two days of a span. A day with more rows is a separate span. `days` is rows by day.
std::vector<DaySpan> PlanSpans(const std::map<int64_t, uint64_t>& days, uint64_t max_rows);

}  // namespace millrace

#endif  // MILLRACE_RECONCILE_DAY_SPAN_H_
