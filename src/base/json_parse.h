// JSON of a stranger as a tree, with a bound on its depth. Its size is bounded by who read it. The
// parser is compiled here, once, as its templates take long; who uses the tree includes
// nlohmann/json.hpp.
#ifndef MILLRACE_BASE_JSON_PARSE_H_
#define MILLRACE_BASE_JSON_PARSE_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace millrace {

inline constexpr int kMaxJsonDepth = 64;

// Nullopt if `text` is no JSON or is nested more than `max_depth` levels deep. Of keys that are
// there twice the last one counts.
std::optional<nlohmann::json> ParseJson(std::string_view text, int max_depth = kMaxJsonDepth);

// The same; members keep their order.
std::optional<nlohmann::ordered_json> ParseOrderedJson(std::string_view text,
                                                       int max_depth = kMaxJsonDepth);

}  // namespace millrace

#endif  // MILLRACE_BASE_JSON_PARSE_H_
