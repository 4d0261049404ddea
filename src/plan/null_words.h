// Counts the cells that a word such as "NA" made null, by column.
#ifndef MILLRACE_PLAN_NULL_WORDS_H_
#define MILLRACE_PLAN_NULL_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "formats/row.h"
#include "plan/plan.h"

namespace millrace {

// One thread at a time; memory is bounded by kMaxCounts.
class NullWords {
 public:
  static constexpr size_t kMaxCounts = 1'000;

  // Adds a row of CSV or TSV; in other formats the text of a null has no meaning.
  void See(const Row& row);

  // Most cells first; ties in order of column and word.
  std::vector<NullWordCount> counts() const;

 private:
  absl::flat_hash_map<std::string, absl::flat_hash_map<std::string, uint64_t>> cells_;  // by column
  size_t counts_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PLAN_NULL_WORDS_H_
