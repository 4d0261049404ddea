#include "cli/text.h"

#include <array>
#include <cstdio>

#include "base/strings.h"

namespace millrace::cli {

std::string Bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  if (bytes < 1000) return StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string Span(absl::Duration duration) {
  char text[48];
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 100) {
    std::snprintf(text, sizeof(text), seconds < 10 ? "%.2f s" : "%.1f s", seconds);
    return text;
  }
  const int64_t whole = absl::ToInt64Seconds(duration);
  const int64_t hours = whole / 3600;
  const int minutes = static_cast<int>(whole / 60 % 60);
  const int rest = static_cast<int>(whole % 60);
  if (hours > 0) {
    std::snprintf(text, sizeof(text), "%lld:%02d:%02d", static_cast<long long>(hours), minutes,
                  rest);
  } else {
    std::snprintf(text, sizeof(text), "%d:%02d", minutes, rest);
  }
  return text;
}

std::string_view BaseName(std::string_view uri) {
  const size_t slash = uri.rfind('/');
  return slash == std::string_view::npos ? uri : uri.substr(slash + 1);
}

}  // namespace millrace::cli
