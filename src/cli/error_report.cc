#include "cli/error_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "base/printable.h"
#include "base/redact.h"
#include "base/strings.h"

namespace millrace::cli {

nlohmann::ordered_json ErrorAsJson(std::string_view message) {
  if (message.empty()) return nullptr;
  return RedactSecrets(message);
}

nlohmann::ordered_json ErrorAsJson(const absl::Status& status) {
  return ErrorAsJson(ToStd(status.message()));
}

std::string ErrorAsText(std::string_view message) {
  constexpr std::string_view kListItem = "\n  ";
  const std::string redacted = RedactSecrets(message);
  std::string text;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(redacted), ToAbsl(kListItem))) {
    StrAppend(&text, text.empty() ? "" : kListItem, Printable(ToStd(part)));
  }
  return text;
}

}  // namespace millrace::cli
