// Splits all user ids into ranges in byte order, with about the same number of trips each, by a
// sample of trips. A range is the unit of work of a worker; its ids come after those of the
// previous range.
#ifndef MILLRACE_STAYPOINTS_ID_RANGES_H_
#define MILLRACE_STAYPOINTS_ID_RANGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Immutable, so thread-safe.
class IdRanges {
 public:
  // At most `most` ranges, fewer if the sample has too few different ids. Borders are between
  // output partitions (see user_prefix.h), except for a partition that is too large for one range.
  IdRanges(std::vector<std::string> sampled_ids, size_t max);

  size_t count() const { return borders_.size() + 1; }
  size_t Find(std::string_view id) const;

  // True if the beginning of `range` may be inside an output partition.
  bool BeginsInsidePartition(size_t range) const {
    return range > 0 && range < count() && inside_[range - 1];
  }

 private:
  std::vector<std::string> borders_;  // border i is the first id that range i + 1 may hold
  std::vector<bool> inside_;
  std::string common_;           // the prefix of all borders
  std::vector<uint64_t> heads_;  // of each border, the 8 bytes after common_, as a number
  std::vector<uint32_t> below_;  // by the first two bytes of a head: how many of heads_ are less
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_ID_RANGES_H_
