#include "plan/null_words.h"

#include <algorithm>
#include <tuple>

namespace millrace {

void NullWords::See(const Row& row) {
  for (size_t i = 0; i < row.values.size(); ++i) {
    const Value& value = row.values[i];
    if (!value.is_null() || value.text.empty()) continue;
    auto& of_column = cells_[row.shape->names[i]];
    const std::string word(value.text);
    if (const auto known = of_column.find(word); known != of_column.end()) {
      ++known->second;
    } else if (counts_ < kMaxCounts) {
      ++counts_;
      of_column.emplace(word, 1);
    }
  }
}

std::vector<NullWordCount> NullWords::counts() const {
  std::vector<NullWordCount> counts;
  for (const auto& [column, words] : cells_) {
    for (const auto& [word, cells] : words) counts.push_back({column, word, cells});
  }
  std::sort(counts.begin(), counts.end(), [](const NullWordCount& a, const NullWordCount& b) {
    return std::tie(b.cells, a.column, a.word) < std::tie(a.cells, b.column, b.word);
  });
  return counts;
}

}  // namespace millrace
