#include "cli/warnings_report.h"

#include <nlohmann/json.hpp>

#include "base/pluralize.h"
#include "base/strings.h"
#include "cli/text.h"

namespace millrace::cli {

nlohmann::ordered_json WarningsAsJson(const std::vector<WarningCount>& warnings) {
  using Json = nlohmann::ordered_json;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  Json json = Json::array();
  for (const auto& [first, count] : warnings) {
    json.push_back({{"code", first.code},
                    {"config_id", text_or_null(first.config_id)},
                    {"field", text_or_null(first.field)},
                    {"count", count},
                    {"object", text_or_null(first.object)},
                    {"message", first.message}});
  }
  return json;
}

std::string WarningsAsLines(const std::vector<WarningCount>& warnings) {
  std::string lines;
  for (const auto& [first, count] : warnings) {
    StrAppend(&lines, "warning: ", Printable(first.message));
    if (!first.object.empty()) {
      StrAppend(&lines, " (", count == 1 ? "in " : StrCat(WithCommas(count), " times, first in "),
                Printable(first.object), ")");
    }
    lines += '\n';
  }
  return lines;
}

}  // namespace millrace::cli
