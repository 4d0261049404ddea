#include "staypoints/id_ranges.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "staypoints/user_prefix.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little);

// The first 8 bytes of `text`, padded with zeros, as a number with the same order.
uint64_t HeadOf(std::string_view text) {
  uint64_t head = 0;
  if (text.size() >= sizeof(head)) {
    std::memcpy(&head, text.data(), sizeof(head));
  } else if (!text.empty()) {
    std::memcpy(&head, text.data(), text.size());
  }
  return __builtin_bswap64(head);
}

// How many of `count` sorted numbers from `begin` on are less than `number`, without data-dependent
// branches.
size_t CountLess(const uint64_t* begin, size_t count, uint64_t number) {
  const uint64_t* base = begin;
  while (count > 0) {
    const size_t half = (count + 1) / 2;
    base = base[half - 1] < number ? base + half : base;
    count -= half;
  }
  return static_cast<size_t>(base - begin);
}

// The first two bytes of a head leave few candidates to compare.
constexpr size_t kTops = 1 << 16;
size_t TopOf(uint64_t head) { return static_cast<size_t>(head >> 48); }

std::string_view PartitionOf(std::string_view id) {
  const UserPrefix prefix = PrefixOf(id);
  return id.substr(0, prefix.p1.size() + prefix.p2.size());
}

}  // namespace

IdRanges::IdRanges(std::vector<std::string> sampled_ids, size_t max) {
  std::sort(sampled_ids.begin(), sampled_ids.end());
  const size_t size = sampled_ids.size();
  for (size_t i = 1; i < max && size > 0; ++i) {
    const std::string& id = sampled_ids[i * size / max];
    const std::string partition(PartitionOf(id));
    if (borders_.empty() || partition > borders_.back()) {
      borders_.push_back(partition);
      inside_.push_back(false);
    } else if (id > borders_.back()) {
      borders_.push_back(id);
      inside_.push_back(true);
    }
  }
  // No id comes before an empty border.
  if (!borders_.empty() && borders_.front().empty()) {
    borders_.erase(borders_.begin());
    inside_.erase(inside_.begin());
  }
  if (borders_.empty()) return;
  const std::string& first = borders_.front();
  const std::string& last = borders_.back();
  const auto end = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  common_.assign(first.begin(), end);
  for (const std::string& border : borders_) {
    heads_.push_back(HeadOf(std::string_view(border).substr(common_.size())));
  }
  below_.resize(kTops + 1);
  for (size_t top = 0, below = 0; top <= kTops; ++top) {
    while (below < heads_.size() && TopOf(heads_[below]) < top) ++below;
    below_[top] = static_cast<uint32_t>(below);
  }
}

size_t IdRanges::Find(std::string_view id) const {
  if (borders_.empty()) return 0;
  if (const int order = id.substr(0, common_.size()).compare(common_); order != 0) {
    return order < 0 ? 0 : borders_.size();
  }
  const uint64_t head = HeadOf(id.substr(common_.size()));
  const size_t below = below_[TopOf(head)];
  const size_t begin =
      below + CountLess(heads_.data() + below, below_[TopOf(head) + 1] - below, head);
  if (begin == heads_.size() || heads_[begin] != head) return begin;
  // Only the whole texts distinguish these.
  const auto first = borders_.begin() + static_cast<ptrdiff_t>(begin);
  const auto last =
      borders_.begin() + (std::upper_bound(heads_.begin(), heads_.end(), head) - heads_.begin());
  return static_cast<size_t>(std::upper_bound(first, last, id) - borders_.begin());
}

}  // namespace millrace
