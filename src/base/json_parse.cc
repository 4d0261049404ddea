#include "base/json_parse.h"

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

template <typename Json>
std::optional<Json> Parse(std::string_view text, int max_depth) {
  // A callback that rejects a value only removes it from its parent.
  bool too_deep = false;
  const auto limit = [&](int depth, typename Json::parse_event_t, Json&) {
    too_deep |= depth > max_depth;
    return depth <= max_depth;
  };
  Json json = Json::parse(text, limit, /*allow_exceptions=*/false);
  if (too_deep || json.is_discarded()) return std::nullopt;
  return json;
}

}  // namespace

std::optional<nlohmann::json> ParseJson(std::string_view text, int max_depth) {
  return Parse<nlohmann::json>(text, max_depth);
}

std::optional<nlohmann::ordered_json> ParseOrderedJson(std::string_view text, int max_depth) {
  return Parse<nlohmann::ordered_json>(text, max_depth);
}

}  // namespace millrace
