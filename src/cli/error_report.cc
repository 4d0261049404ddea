#include "cli/error_report.h"

#include <nlohmann/json.hpp>

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

std::string ErrorAsText(std::string_view message) { return Printable(RedactSecrets(message)); }

}  // namespace millrace::cli
