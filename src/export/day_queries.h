// Which days one query of the raw export reads, sized by volume. Pure.
#ifndef MILLRACE_EXPORT_DAY_QUERIES_H_
#define MILLRACE_EXPORT_DAY_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "absl/time/civil_time.h"

namespace millrace {

struct DayQuery {
  absl::CivilDay first;  // both inclusive
  absl::CivilDay last;
  friend bool operator==(const DayQuery&, const DayQuery&) = default;
};

// Days that are still to be read, and what is known of their volume: neighbours are joined while
// they have at most `target_rows` together. The volume of a day that was not read before is taken
// to be that of the days before it; a first query of unknown days reads one day.
class DayQueries {
 public:
  static constexpr int kMaxDays = 31;  // that one query reads

  explicit DayQueries(uint64_t target_rows) : target_rows_(target_rows) {}

  // `rows`: as many as the day had when it was last read; nullopt: it was not.
  void Add(absl::CivilDay day, std::optional<uint64_t> rows) { days_.emplace(day, rows); }
  // What the days that were just read had on average.
  void Learn(uint64_t rows_per_day) { rows_per_day_ = rows_per_day; }
  // The next query, whose days are removed; nullopt: none is left.
  std::optional<DayQuery> Take();
  size_t days() const { return days_.size(); }

 private:
  const uint64_t target_rows_;
  std::map<absl::CivilDay, std::optional<uint64_t>> days_;
  std::optional<uint64_t> rows_per_day_;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_DAY_QUERIES_H_
