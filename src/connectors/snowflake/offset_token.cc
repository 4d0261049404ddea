#include "connectors/snowflake/offset_token.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"

namespace millrace::snowflake {
namespace {

constexpr std::string_view kVersion = "m1.";
constexpr size_t kHashDigits = 8;

std::string TextOf(uint64_t begin, uint64_t end) {
  return end == begin + 1 ? StrCat(begin) : StrCat(begin, "-", end);
}

std::string Join(const RowRanges& ranges) {
  std::string text;
  for (const auto& [begin, end] : ranges) {
    StrAppend(&text, text.empty() ? "" : ",", TextOf(begin, end));
  }
  return text;
}

// The last ranges whose text has at most `max_bytes`.
std::string JoinLast(const RowRanges& ranges, size_t max_bytes) {
  std::deque<std::string> kept;
  size_t bytes = 0;
  const std::vector<std::pair<uint64_t, uint64_t>> all(ranges.begin(), ranges.end());
  for (auto range = all.rbegin(); range != all.rend(); ++range) {
    std::string text = TextOf(range->first, range->second);
    bytes += text.size() + (kept.empty() ? 0 : 1);
    if (bytes > max_bytes) break;
    kept.push_front(std::move(text));
  }
  std::string text;
  for (const std::string& one : kept) StrAppend(&text, text.empty() ? "" : ",", one);
  return text;
}

bool IsHash(std::string_view text) {
  return text.size() == kHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The text before the first `separator`, which is taken off; all of it without one.
std::string_view TakeUntil(char separator, std::string_view& text) {
  const std::string_view taken = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), taken.size() + 1));
  return taken;
}

std::optional<uint64_t> ParseRow(std::string_view text) {
  uint64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return row;
}

}  // namespace

std::string ShortHash(std::string_view text) {
  return ToHex(HashBytes(text)).substr(0, kHashDigits);
}

std::string FormatOffsetToken(std::string_view config, std::string_view checks,
                              const RowRanges& settled, const RowRanges& refused,
                              size_t max_bytes) {
  std::string exact = StrCat(kVersion, config, ".", Join(Subtract(settled, refused)));
  if (exact.size() <= max_bytes) return exact;
  const std::string head = StrCat(kVersion, config, ".~", checks, ".");
  return head + JoinLast(settled, max_bytes - std::min(max_bytes, head.size()));
}

std::optional<OffsetToken> ParseOffsetToken(std::string_view text) {
  OffsetToken token;
  if (!text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  token.config = TakeUntil('.', text);
  if (text.starts_with('~')) {
    token.all_valid = true;
    token.checks = TakeUntil('.', text).substr(1);
    if (!IsHash(token.checks)) return std::nullopt;
  }
  if (!IsHash(token.config)) return std::nullopt;
  while (!text.empty()) {
    std::string_view range = TakeUntil(',', text);
    const bool is_one = range.find('-') == std::string_view::npos;
    const std::optional<uint64_t> begin = ParseRow(TakeUntil('-', range));
    if (!begin || (is_one && *begin == UINT64_MAX)) return std::nullopt;
    const std::optional<uint64_t> end = is_one ? *begin + 1 : ParseRow(range);
    if (!end || *end <= *begin) return std::nullopt;
    token.rows.Add(*begin, *end);
  }
  return token;
}

RowRanges Subtract(const RowRanges& from, const RowRanges& without) {
  RowRanges left;
  auto hole = without.begin();
  for (const auto& [first, end] : from) {
    uint64_t begin = first;
    while (hole != without.end() && hole->second <= begin) ++hole;
    for (auto next = hole; next != without.end() && next->first < end; ++next) {
      left.Add(begin, next->first);
      begin = std::max(begin, next->second);
    }
    left.Add(begin, end);
  }
  return left;
}

bool Covers(const RowRanges& in, const RowRanges& rows) {
  auto one = in.begin();
  for (const auto& [begin, end] : rows) {
    while (one != in.end() && one->second < end) ++one;
    if (one == in.end() || one->first > begin) return false;
  }
  return true;
}

}  // namespace millrace::snowflake
