// JSON of a stranger, parsed with a bound on its depth. Its size is bounded by who read it.
#ifndef MILLRACE_ICEBERG_BOUNDED_JSON_INTERNAL_H_
#define MILLRACE_ICEBERG_BOUNDED_JSON_INTERNAL_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace millrace {

inline constexpr int kMostMetadataDepth = 64;

// Nullopt if `text` is no JSON or nests deeper.
inline std::optional<nlohmann::json> ParseBoundedJson(std::string_view text) {
  bool is_too_deep = false;
  const auto limit = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    is_too_deep |= depth > kMostMetadataDepth;
    return depth <= kMostMetadataDepth;
  };
  nlohmann::json json = nlohmann::json::parse(text, limit, /*allow_exceptions=*/false);
  if (is_too_deep || json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_BOUNDED_JSON_INTERNAL_H_
