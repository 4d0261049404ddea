// A set of rows of one object, as ranges.
#ifndef MILLRACE_BASE_ROW_RANGES_H_
#define MILLRACE_BASE_ROW_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace millrace {

// Ranges that touch or overlap become one.
class RowRanges {
 public:
  // Adds rows [begin, end).
  void Add(uint64_t begin, uint64_t end) {
    if (begin >= end) return;
    auto next = ranges_.upper_bound(begin);
    if (next != ranges_.begin()) {
      if (const auto before = std::prev(next); before->second >= begin) {
        begin = before->first;
        next = before;
      }
    }
    for (; next != ranges_.end() && next->first <= end; next = ranges_.erase(next)) {
      end = end < next->second ? next->second : end;
    }
    ranges_[begin] = end;
  }
  bool Contains(uint64_t row) const {
    const auto next = ranges_.upper_bound(row);
    return next != ranges_.begin() && std::prev(next)->second > row;
  }
  bool empty() const { return ranges_.empty(); }
  size_t size() const { return ranges_.size(); }  // the number of ranges
  // Begin and end of each, ascending.
  auto begin() const { return ranges_.begin(); }
  auto end() const { return ranges_.end(); }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_ROW_RANGES_H_
