#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/percent_encoding.h"
#include "net/http_server.h"

namespace millrace {
std::vector<std::pair<std::string, std::string>> ParseForm(std::string_view form) {
  std::vector<std::pair<std::string, std::string>> pairs;
  constexpr size_t kUsualPairs = 4;
  if (!form.empty()) pairs.reserve(kUsualPairs);
  while (!form.empty()) {
    const size_t end = form.find('&');
    const std::string_view pair = form.substr(0, end);
    form.remove_prefix(end == std::string_view::npos ? form.size() : end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    pairs.emplace_back(UrlDecode(pair.substr(0, equals), true), UrlDecode(value, true));
  }
  return pairs;
}

}  // namespace millrace
