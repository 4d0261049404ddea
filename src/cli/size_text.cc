#include "cli/size_text.h"

#include <charconv>
#include <system_error>

namespace millrace::cli {

std::optional<double> ParseSize(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr Unit kUnits[] = {{"", 1e6},    {"B", 1},         {"KB", 1e3},      {"K", 1e3},
                             {"MB", 1e6},  {"M", 1e6},       {"GB", 1e9},      {"G", 1e9},
                             {"TB", 1e12}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(stop, static_cast<size_t>(end - stop));
  for (const Unit& known : kUnits) {
    if (unit == known.name) return number * known.bytes;
  }
  return std::nullopt;
}

}  // namespace millrace::cli
