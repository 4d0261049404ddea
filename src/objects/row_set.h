// A set of rows of one object: one bit per row.
#ifndef MILLRACE_OBJECTS_ROW_SET_H_
#define MILLRACE_OBJECTS_ROW_SET_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace {

class RowSet {
 public:
  void Add(uint64_t row) {
    if (row >= rows_.size()) rows_.resize(std::max<size_t>(row + 1, rows_.size() * 2));
    rows_[row] = true;
    end_ = std::max(end_, row + 1);
  }
  bool Contains(uint64_t row) const { return row < rows_.size() && rows_[row]; }
  // One of rows [begin, end).
  bool ContainsAny(uint64_t begin, uint64_t end) const {
    for (uint64_t row = begin; row < std::min(end, end_); ++row) {
      if (rows_[row]) return true;
    }
    return false;
  }
  // One past the last row; 0: the set is empty.
  uint64_t end() const { return end_; }

 private:
  std::vector<bool> rows_;
  uint64_t end_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_ROW_SET_H_
