#include "formats/parquet_leaf_column.h"

#include <algorithm>

namespace millrace {

size_t LeafColumn::bytes() const {
  return (definitions.size() + repetitions.size()) * sizeof(int16_t) + values.size() +
         ends.size() * sizeof(uint32_t) + text.size();
}

LeafColumn CutTail(const ParquetLeaf& leaf, LeafColumn& column, size_t rows) {
  size_t entry = rows;
  if (leaf.max_repetition > 0) {
    entry = 0;
    for (size_t row = 0; entry < column.repetitions.size(); ++entry) {
      if (column.repetitions[entry] == 0 && row++ == rows) break;
    }
  }
  size_t value = entry;
  const auto cut = static_cast<ptrdiff_t>(entry);
  LeafColumn tail;
  tail.rows = column.rows - rows;
  tail.dictionary = column.dictionary;
  if (leaf.max_definition > 0) {
    const auto middle = column.definitions.begin() + cut;
    value =
        static_cast<size_t>(std::count(column.definitions.begin(), middle, leaf.max_definition));
    tail.definitions.assign(middle, column.definitions.end());
    column.definitions.erase(middle, column.definitions.end());
  }
  if (leaf.max_repetition > 0) {
    const auto middle = column.repetitions.begin() + cut;
    tail.repetitions.assign(middle, column.repetitions.end());
    column.repetitions.erase(middle, column.repetitions.end());
  }
  const size_t width = column.dictionary != nullptr ? sizeof(int32_t) : leaf.width;
  tail.values.Append(column.values.view(value * width, column.values.size()));
  column.values.Truncate(value * width);
  if (leaf.storage == LeafStorage::kText && column.dictionary == nullptr) {
    const size_t begin = value == 0 ? 0 : column.ends[value - 1] + kTextGap;
    for (size_t i = value; i < column.ends.size(); ++i) {
      tail.ends.push_back(static_cast<uint32_t>(column.ends[i] - begin));
    }
    tail.text.Append(column.text.view(begin, column.text.size()));
    column.ends.resize(value);
    column.text.Truncate(begin);
  }
  column.rows = rows;
  return tail;
}

}  // namespace millrace
