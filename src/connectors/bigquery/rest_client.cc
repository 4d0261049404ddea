#include "connectors/bigquery/rest_client.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "base/json_parse.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_status.h"

namespace millrace::bigquery {
namespace {

using nlohmann::json;

constexpr size_t kMaxExplanation = 500;
constexpr int kTooManyRequests = 429;

constexpr char kLimitPayload[] = "millrace/bigquery_limit";
constexpr char kRateValue[] = "rate", kQuotaValue[] = "quota";

// {"error": {"code": 403, "status": ..., "message": ..., "errors": [{"reason": ...}]}}
struct Explanation {
  std::string reason;  // the first one
  Limit limit = Limit::kNone;
  std::string text;  // for people
};

std::string TextOf(const json& object, const char* field) {
  if (!object.is_object()) return "";
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string AuthorizationOf(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "Authorization") return value;
  }
  return "";
}

Explanation ExplanationOf(const HttpResponse& response) {
  const std::optional<json> body = ParseJson(response.body);
  const json error = body && body->is_object() ? body->value("error", json()) : json();
  Explanation explanation;
  if (response.status == kTooManyRequests || TextOf(error, "status") == "RESOURCE_EXHAUSTED") {
    explanation.limit = Limit::kRate;
  }
  if (error.is_object() && error.contains("errors") && error["errors"].is_array()) {
    for (const json& one : error["errors"]) {
      const std::string reason = TextOf(one, "reason");
      if (explanation.reason.empty()) explanation.reason = reason;
      if (reason == "rateLimitExceeded") explanation.limit = Limit::kRate;
      if (reason == "quotaExceeded") {
        explanation.limit = Limit::kQuota;
        break;
      }
    }
  }
  std::string text = StrCat("HTTP ", response.status);
  if (!explanation.reason.empty()) StrAppend(&text, ", ", explanation.reason);
  if (const std::string message = TextOf(error, "message"); !message.empty()) {
    StrAppend(&text, ": ", message);
  }
  explanation.text = Printable(Shorten(text, kMaxExplanation));
  return explanation;
}

absl::Status StatusOf(const HttpResponse& response) {
  const Explanation why = ExplanationOf(response);
  if (why.limit != Limit::kNone) {
    absl::Status limited = absl::UnavailableError(why.text);
    limited.SetPayload(kLimitPayload,
                       absl::Cord(why.limit == Limit::kQuota ? kQuotaValue : kRateValue));
    return limited;
  }
  const bool may_pass = why.reason == "backendError" || why.reason == "internalError" ||
                        IsRetryableStatus(response.status);
  if (may_pass) return absl::UnavailableError(why.text);
  switch (response.status) {
    case 400:
      return absl::InvalidArgumentError(why.text);
    case 401:
      return absl::UnauthenticatedError(why.text);
    case 403:
      return absl::PermissionDeniedError(why.text);
    case 404:
      // Proxies say 404 too, which proves nothing.
      if (why.reason == "notFound") return absl::NotFoundError(why.text);
      return absl::UnavailableError(StrCat(why.text, ", which does not come from BigQuery"));
    case 409:
      return absl::AlreadyExistsError(why.text);
    case 412:
      return absl::AbortedError(why.text);
    default:
      return absl::FailedPreconditionError(why.text);
  }
}

}  // namespace

Limit LimitOf(const absl::Status& status) {
  const auto limit = status.GetPayload(kLimitPayload);
  if (!limit) return Limit::kNone;
  return *limit == kQuotaValue ? Limit::kQuota : Limit::kRate;
}

RestClient::RestClient(std::string url, GoogleCredentials credentials,
                       std::unique_ptr<HttpClient> http)
    : url_(std::move(url)),
      credentials_(std::move(credentials)),
      renewal_(credentials_.tokens),
      http_(std::move(http)) {}

absl::StatusOr<HttpResponse> RestClient::SendWithToken(const HttpRequest& plain,
                                                       const std::stop_token& stop) {
  HttpRequest request = plain;
  RETURN_IF_ERROR(credentials_.Authorize(request, stop));
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(HttpResponse response, http_->Send(request, stop));
  const std::string token = AuthorizationOf(request);
  if (response.status == 401 && renewal_.Refused(token)) {
    request = plain;
    RETURN_IF_ERROR(credentials_.Authorize(request, stop));
    if (AuthorizationOf(request) == token) return response;
    ASSIGN_OR_RETURN(response, http_->Send(request, stop));
  }
  if (response.status != 401) renewal_.Accepted();
  return response;
}

absl::StatusOr<json> RestClient::Send(std::string_view method, std::string_view path,
                                      std::string_view body, std::string_view etag,
                                      std::stop_token stop) {
  HttpRequest request{.method = std::string(method),
                      .url = StrCat(url_, "/bigquery/v2/projects/", path),
                      .body = body};
  request.accept_gzip = true;
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!etag.empty()) request.headers.emplace_back("If-Match", etag);
  ASSIGN_OR_RETURN(const HttpResponse response, SendWithToken(request, stop));
  if (response.status < 200 || response.status >= 300) return StatusOf(response);
  if (response.body.empty()) return json();
  std::optional<json> parsed = ParseJson(response.body);
  if (!parsed) return absl::UnavailableError("the response is no JSON of bounded depth");
  return *std::move(parsed);
}

}  // namespace millrace::bigquery
