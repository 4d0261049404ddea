// The folders into which records are divided: "dt={date}/hour={hour}".
#ifndef MILLRACE_DATA_FILES_PATH_TEMPLATE_H_
#define MILLRACE_DATA_FILES_PATH_TEMPLATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::data_files {

// Immutable. Times are in UTC.
class PathTemplate {
 public:
  // The records of one folder have this in common: the seconds since 1970 at which its time begins.
  // kNoTime: they have no time.
  using Partition = int64_t;
  static constexpr Partition kNoTime = INT64_MIN;

  // `text`: {date} (2026-11-29), {year}, {month}, {day}, {hour}, {minute} and {second} stand for
  // digits of the time, the rest for itself; empty: one folder. InvalidArgument: an unknown {name},
  // {hour} without a day (and so on), a part that is empty, "." or "..", or one that begins with
  // '.' or '_', which readers skip.
  static absl::StatusOr<PathTemplate> Parse(std::string_view text);

  // The partition of a time in microseconds since 1970, in the years 1 to 9999; nullopt: none.
  Partition PartitionOf(std::optional<int64_t> micros) const;
  // "dt=2026-11-29/hour=07/"; "" of an empty template. Records without a time are in
  // "dt=__HIVE_DEFAULT_PARTITION__/...", Hive's name for it, or, where a folder would begin with
  // that, in "no_time/...".
  std::string FolderOf(Partition partition) const;

  // Days since 1970, both inclusive; none if the first is after the last.
  struct Days {
    int64_t first = 0;
    int64_t last = -1;
  };
  // The days of the times whose records FolderOf() puts into `folder`; none if they have no time.
  // Nullopt: it is no folder of this template, or times do not matter.
  std::optional<Days> DaysOf(std::string_view folder) const;

  // Whether partitions differ by time at all.
  bool has_time() const { return unit_ != 0; }
  const std::string& text() const { return text_; }

 private:
  enum class Token { kText, kDate, kYear, kMonth, kDay, kHour, kMinute, kSecond };
  struct Piece {
    Token token = Token::kText;
    std::string text;
  };

  std::string text_;
  std::vector<Piece> pieces_;
  int64_t unit_ = 0;  // about the seconds of the smallest token; 0: no token
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_PATH_TEMPLATE_H_
