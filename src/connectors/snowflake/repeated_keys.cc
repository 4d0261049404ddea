#include "connectors/snowflake/repeated_keys.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/json_parse.h"
#include "base/strings.h"

namespace millrace::snowflake {
namespace {

// What is between the quotes, without escapes.
std::string KeyOf(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  const std::optional<nlohmann::json> parsed = ParseJson(StrCat("\"", text, "\""));
  return parsed && parsed->is_string() ? parsed->get<std::string>() : std::string(text);
}

// Sorts them.
std::string FindRepeated(std::vector<std::string>::iterator begin,
                         std::vector<std::string>::iterator end) {
  std::sort(begin, end);
  const auto found = std::adjacent_find(begin, end);
  return found == end ? "" : *found;
}

// The end of the string that begins at `at`: its closing quote.
size_t EndOfString(std::string_view json, size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at;
}

}  // namespace

std::string FindRepeatedKey(std::string_view json) {
  if (json.find('{', 1) == std::string_view::npos) return "";
  std::vector<std::string> keys;  // of all open objects
  // Of each open array or object: whether it is one, and its first key.
  std::vector<std::pair<bool, size_t>> open;
  bool is_key = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      const size_t end = EndOfString(json, i);
      if (std::exchange(is_key, false)) keys.push_back(KeyOf(json.substr(i + 1, end - i - 1)));
      i = end;
    } else if (c == '{' || c == '[') {
      is_key = c == '{';
      open.emplace_back(is_key, keys.size());
    } else if (c == ',') {
      is_key = !open.empty() && open.back().first;
    } else if ((c == '}' || c == ']') && !open.empty()) {
      const auto first = keys.begin() + static_cast<ptrdiff_t>(open.back().second);
      if (open.size() > 1) {
        if (std::string repeated = FindRepeated(first, keys.end()); !repeated.empty()) {
          return repeated;
        }
      }
      keys.erase(first, keys.end());
      open.pop_back();
      is_key = false;
    }
  }
  return "";
}

}  // namespace millrace::snowflake
