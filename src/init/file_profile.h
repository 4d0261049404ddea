// A profile of a file's columns, from a sample of its rows.
#ifndef MILLRACE_INIT_FILE_PROFILE_H_
#define MILLRACE_INIT_FILE_PROFILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "formats/row.h"
#include "formats/row_reader.h"
#include "formats/time_text.h"

namespace millrace {

// Counts are of rows. Values that are not null are in exactly one of `texts` to `others`.
struct ColumnProfile {
  std::string name;  // "a.b" for field b of the nested column a
  bool nested = false;
  uint64_t nulls = 0;  // null, absent, or empty text
  uint64_t texts = 0;
  uint64_t integers = 0;
  uint64_t reals = 0;
  uint64_t timestamps = 0;
  uint64_t others = 0;        // booleans, bytes, lists, objects
  uint64_t times = 0;         // accepted by the time rule and in Mixpanel's range
  uint64_t numbers = 0;       // of these: Unix time, as numbers or as text
  uint64_t dates = 0;         // of these: texts of only a date
  uint64_t without_zone = 0;  // of these: neither Unix time nor with a zone
  int64_t first_millis = 0;   // of these
  int64_t last_millis = 0;
  // Texts of only digits that are a date, with or without a clock, as "202404240313"; all of one
  // form.
  uint64_t compact_times = 0;
  CompactTime compact_form = CompactTime::kNone;
  int64_t first_compact_millis = 0;
  int64_t last_compact_millis = 0;
  uint64_t clock_texts = 0;   // "23:59[:59]"
  uint64_t number_texts = 0;  // texts that are valid JSON numbers
  uint64_t truth_texts = 0;   // "true" or "false", in any case
  uint64_t banned_ids = 0;    // that mean "no user" in Mixpanel
  uint64_t valid_ids = 0;     // that Mixpanel accepts as $insert_id
  uint64_t distinct = 0;
  bool distinct_complete = true;      // false: there are more
  std::vector<std::string> examples;  // the first few different ones

  uint64_t values() const { return texts + integers + reals + timestamps + others; }
  // Text and integers only: values that can identify something.
  bool is_name_like() const { return values() > 0 && texts + integers == values(); }
  bool is_compact_time() const { return compact_times > 0 && compact_times == values(); }
  bool all_different() const { return distinct_complete && distinct == values(); }
};

struct FileProfile {
  std::string uri;
  FileType type = FileType::kAuto;
  bool quoted = false;                // a TSV file that was read with quoted cells
  bool has_header = true;             // false: its columns were named "column_1", ...
  std::vector<std::string> siblings;  // uris of other objects in its folder, some
  uint64_t rows = 0;                  // of the sample
  uint64_t bad_rows = 0;              // that could not be read; not part of `rows`
  std::string first_bad_row;          // why the first of them could not be read
  std::string damage;           // why the rows after these cannot be read; empty: no known damage
  bool whole = false;           // the sample is the whole file
  uint64_t identical_rows = 0;  // the same as an earlier one
  uint64_t mixpanel_rows = 0;   // in Mixpanel's event format
  uint64_t exported_users = 0;  // profiles as Mixpanel exports them
  std::vector<ColumnProfile> columns;  // in order of first appearance
  bool columns_complete = true;        // false: there are more
};

// Builds a profile of the rows that it receives. Memory is bounded by the columns that it tracks
// (kMaxColumns) and by kMaxDistinct hashes for each column whose name says that it matters.
class FileProfiler : public RowVisitor {
 public:
  static constexpr size_t kMaxColumns = 2'000;
  static constexpr size_t kMaxDistinct = 100'000;
  static constexpr size_t kMaxDistinctOfOthers = 1'000;
  static constexpr size_t kExamples = 3;

  // `now` bounds times.
  explicit FileProfiler(absl::Time now);
  ~FileProfiler() override;

  void OnRow(const Row& row) override;
  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view raw) override;

  // The caller fills `uri`, `type`, `siblings` and `whole`.
  FileProfile TakeProfile();

 private:
  class Column;

  Column* ColumnOf(const std::string& name, bool nested);
  void AddNested(const std::string& parent, const Value& value);

  const absl::Time now_;
  FileProfile profile_;
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace millrace

#endif  // MILLRACE_INIT_FILE_PROFILE_H_
