#include "export/day_queries.h"

namespace millrace {

std::optional<DayQuery> DayQueries::Take() {
  if (days_.empty()) return std::nullopt;
  const absl::CivilDay first = days_.begin()->first;
  DayQuery query = {first, first};
  uint64_t rows = 0;
  while (!days_.empty()) {
    const auto [day, known] = *days_.begin();
    const std::optional<uint64_t> volume = known ? known : rows_per_day_;
    const bool is_neighbour = day - query.last <= 1 && day - first < kMaxDays;
    const bool has_room = volume && rows + *volume <= target_rows_;
    if (day != first && !(is_neighbour && has_room)) break;
    query.last = day;
    days_.erase(days_.begin());
    if (!volume) break;
    rows += *volume;
  }
  return query;
}

}  // namespace millrace
