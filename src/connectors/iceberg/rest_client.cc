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
struct Explanation {
  std::string type;
  std::string text;  // for people
};

Explanation ExplanationOf(const HttpResponse& response) {
  const std::optional<json> body = ParseJson(response.body);
  const json error = body && body->is_object() ? body->value("error", json()) : json();
  const auto text_of = [&](const char* field) -> std::string {
    if (!error.is_object() || !error.value(field, json()).is_string()) return "";
    return error[field].get<std::string>();
  };
  Explanation explanation{.type = text_of("type")};
  std::string text = StrCat("HTTP ", response.status);
  const std::string message = text_of("message");
  if (!explanation.type.empty()) StrAppend(&text, ", ", explanation.type);
  if (!message.empty()) StrAppend(&text, ": ", message);
  explanation.text = Printable(Shorten(text, kMaxExplanation));
  return explanation;
}

absl::Status StatusOf(const HttpResponse& response) {
  const Explanation why = ExplanationOf(response);
  switch (response.status) {
    case 400:
      return absl::InvalidArgumentError(why.text);
    case 401:
    case kTokenExpired:
      return absl::UnauthenticatedError(why.text);
    case 403:
      return absl::PermissionDeniedError(why.text);
    case 404: {
      // Gateways say 404 too, which proves nothing.
      const bool is_sure = why.type.starts_with("NoSuch") || why.type == "EntityNotFoundException";
      if (is_sure) return absl::NotFoundError(why.text);
      return absl::UnavailableError(StrCat(why.text, ", which does not come from a catalog"));
    }
    case 409:
      return absl::AlreadyExistsError(why.text);
    default:
      return response.status == 429 || response.status >= 500
                 ? absl::UnavailableError(why.text)
                 : absl::FailedPreconditionError(why.text);
  }
}

// Whether other credentials may help. AWS says 403 when temporary keys have expired.
bool IsRefused(const HttpResponse& response) {
  return response.status == 401 || response.status == kTokenExpired ||
         (response.status == 403 && response.body.find("Expired") != std::string::npos);
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
    if (!response.ok() || !IsRefused(*response) || has_renewed) return response;
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
