// Parses untrusted JSON into a tree of limited depth. The reader of the text limits its size. The
// parser is compiled here, once, because its templates compile slowly; users of the tree include
// nlohmann/json.hpp.
#ifndef MILLRACE_BASE_JSON_PARSE_H_
#define MILLRACE_BASE_JSON_PARSE_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace millrace {

inline constexpr int kMaxParseDepth = 64;

// Nullopt if `text` is not JSON or is nested more than `max_depth` levels deep. Of duplicate keys
// the last one counts.
std::optional<nlohmann::json> ParseJson(std::string_view text, int max_depth = kMaxParseDepth);

// The same; members keep their order.
std::optional<nlohmann::ordered_json> ParseOrderedJson(std::string_view text,
                                                       int max_depth = kMaxParseDepth);

}  // namespace millrace

#endif  // MILLRACE_BASE_JSON_PARSE_H_
