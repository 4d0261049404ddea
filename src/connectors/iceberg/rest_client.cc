#include "connectors/iceberg/rest_client.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_parse.h"
#include "base/printable.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::iceberg {
namespace {

using nlohmann::json;

constexpr size_t kMaxResponseBytes = 128 << 20;  // metadata with its snapshots
constexpr size_t kMaxExplanation = 500;
constexpr int kTokenExpired = 419;  // of the REST specification

// {"error": {"message": ..., "type": ..., "code": ...}}
std::string ExplanationOf(const HttpResponse& response) {
  const std::optional<json> body = ParseJson(response.body);
  const json error = body && body->is_object() ? body->value("error", json()) : json();
  std::string text = StrCat("HTTP ", response.status);
  for (const char* const field : {"type", "message"}) {
    if (!error.is_object() || !error.value(field, json()).is_string()) continue;
    StrAppend(&text, text.ends_with("Exception") ? ": " : ", ",
              error[field].get_ref<const std::string&>());
  }
  return Printable(Shorten(text, kMaxExplanation));
}

absl::Status StatusOf(const HttpResponse& response) {
  const std::string why = ExplanationOf(response);
  switch (response.status) {
    case 400:
      return absl::InvalidArgumentError(why);
    case 401:
    case kTokenExpired:
      return absl::UnauthenticatedError(StrCat(
          why,
          "; set ICEBERG_REST_TOKEN or ICEBERG_REST_CREDENTIAL to credentials that are valid"));
    case 403:
      return absl::PermissionDeniedError(why);
    case 404:
      return absl::NotFoundError(why);
    case 409:
      return absl::AlreadyExistsError(why);
    default:
      return response.status == 429 || response.status >= 500 ? absl::UnavailableError(why)
                                                              : absl::FailedPreconditionError(why);
  }
}

}  // namespace

RestClient::RestClient(std::string url, std::unique_ptr<RestAuth> auth)
    : url_(std::move(url)), auth_(std::move(auth)), http_(NewCurlHttpClient()) {}

absl::StatusOr<HttpResponse> RestClient::Exchange(std::string_view method, std::string_view path,
                                                  std::string_view body,
                                                  const std::stop_token& stop) {
  for (bool has_renewed = false;; has_renewed = true) {
    HttpRequest request{.method = std::string(method), .url = StrCat(url_, path), .body = body};
    request.max_response_bytes = kMaxResponseBytes;
    request.accept_gzip = true;
    request.headers.emplace_back("Accept", "application/json");
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    RETURN_IF_ERROR(auth_->Authorize(request, stop));
    absl::MutexLock lock(&mutex_);
    absl::StatusOr<HttpResponse> response = http_->Send(request, stop);
    const bool is_refused =
        response.ok() && (response->status == 401 || response->status == kTokenExpired);
    if (!is_refused || has_renewed) return response;
    auth_->Forget();
  }
}

absl::StatusOr<json> RestClient::Send(std::string_view method, std::string_view path,
                                      std::string_view body, std::stop_token stop) {
  ASSIGN_OR_RETURN(const HttpResponse response, Exchange(method, path, body, stop));
  if (response.status < 200 || response.status >= 300) {
    const absl::Status status = StatusOf(response);
    if (!absl::IsUnauthenticated(status)) return status;
    return absl::UnauthenticatedError(StrCat(ToStd(status.message()), "; ", auth_->remedy()));
  }
  if (response.body.empty()) return json();
  std::optional<json> parsed = ParseJson(response.body);
  if (!parsed) return absl::UnavailableError("the response is no JSON of bounded depth");
  return *std::move(parsed);
}

}  // namespace millrace::iceberg
