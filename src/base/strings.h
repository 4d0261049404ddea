// Joining text. Debian's Abseil is built with a string_view of its own, which does not convert from
// std::string_view; these take both, and the rest of the code uses std::string_view.
#ifndef MILLRACE_BASE_STRINGS_H_
#define MILLRACE_BASE_STRINGS_H_

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace millrace {

inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

namespace strings_internal {
template <typename T>
decltype(auto) Part(const T& part) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return ToAbsl(part);
  } else {
    return (part);
  }
}
}  // namespace strings_internal

// absl::StrCat and absl::StrAppend for any mix of text and numbers.
template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  return absl::StrCat(strings_internal::Part(parts)...);
}

template <typename... Parts>
void StrAppend(std::string* out, const Parts&... parts) {
  absl::StrAppend(out, strings_internal::Part(parts)...);
}

// `text` truncated to at most `max` bytes of whole UTF-8 characters, with "..." if it was
// truncated.
inline std::string Shorten(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return std::string(text.substr(0, max)) + "...";
}

// `text` without the blanks (space, tab, line ends) around it.
inline std::string_view TrimBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  if (!text.empty() && is_visible(text.front()) && is_visible(text.back())) return text;
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace millrace

#endif  // MILLRACE_BASE_STRINGS_H_
