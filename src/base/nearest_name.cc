#include "base/nearest_name.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kLongestTyped = 64;

}  // namespace

// Levenshtein's distance.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = absl::ascii_tolower(a[i - 1]) == absl::ascii_tolower(b[j - 1]);
      const size_t replaced = diagonal + (same ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string_view NearestName(std::string_view typed, absl::Span<const std::string_view> names) {
  if (typed.size() > kLongestTyped) return {};
  std::string_view nearest;
  size_t fewest = std::max<size_t>(2, typed.size() / 3) + 1;
  for (const std::string_view name : names) {
    const size_t edits = EditDistance(typed, name);
    if (edits < fewest && edits < name.size()) {
      fewest = edits;
      nearest = name;
    }
  }
  return nearest;
}

std::string Suggestion(std::string_view typed, absl::Span<const std::string_view> names) {
  if (const std::string_view nearest = NearestName(typed, names); !nearest.empty()) {
    return StrCat("; did you mean \"", nearest, "\"?");
  }
  std::string list = "; write one of ";
  for (size_t i = 0; i < names.size(); ++i) StrAppend(&list, i == 0 ? "" : ", ", names[i]);
  return list;
}

}  // namespace millrace
