#include "connectors/mixpanel/query_response.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "connectors/mixpanel/response_text.h"
#include "net/http_status.h"

namespace millrace::mixpanel {
namespace {

constexpr char kLimitReached[] = "millrace/mixpanel-limit-reached";  // a payload

absl::StatusCode CodeOf(int http_status) {
  switch (http_status) {
    case 400:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 402:
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    default:
      return http_status < 300 || IsRetryableStatus(http_status)
                 ? absl::StatusCode::kUnavailable
                 : absl::StatusCode::kFailedPrecondition;
  }
}

// The body is {"error": text}, or plain text.
std::string Reason(std::string_view body) {
  const nlohmann::json parsed = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_object() && parsed.contains("error") && parsed["error"].is_string()) {
    return CleanText(parsed["error"].get_ref<const std::string&>());
  }
  return CleanText(body);
}

}  // namespace

absl::Status CheckResponse(const HttpResponse& response) {
  if (response.status == 200) return absl::OkStatus();
  std::string message = StrCat("Mixpanel answered ", response.status);
  if (response.status == 402) message += " (the project's plan has no API access)";
  if (const std::string reason = Reason(response.body); !reason.empty()) {
    StrAppend(&message, ": ", reason);
  }
  absl::Status status(CodeOf(response.status), message);
  if (response.status == 429) status.SetPayload(kLimitReached, absl::Cord());
  return status;
}

bool IsLimitReached(const absl::Status& status) {
  return status.GetPayload(kLimitReached).has_value();
}

}  // namespace millrace::mixpanel
