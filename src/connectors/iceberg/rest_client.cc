#include "connectors/iceberg/rest_client.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "auth/token_request.h"
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

// OAuth 2's client credentials.
class ClientFetcher : public TokenFetcher {
 public:
  ClientFetcher(std::string url, std::string id, std::string secret, std::string scope,
                Clock& clock)
      : url_(std::move(url)),
        id_(std::move(id)),
        secret_(std::move(secret)),
        scope_(std::move(scope)),
        clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(TokenRequest request,
                     NewFormRequest(url_, {{"grant_type", "client_credentials"},
                                           {"client_id", id_},
                                           {"client_secret", secret_},
                                           {"scope", scope_}}));
    request.secrets = {secret_};
    const absl::Time now = clock_.Now();
    const absl::StatusOr<std::string> answer = Ask(http, request, std::move(stop));
    if (!answer.ok()) {
      return Annotate(answer.status(), "getting a token for ICEBERG_REST_CREDENTIAL");
    }
    return ParseTokenResponse(*answer, now);
  }

 private:
  const std::string url_, id_, secret_, scope_;
  Clock& clock_;
};

absl::StatusOr<std::unique_ptr<TokenSource>> TokensFrom(const Environment& environment,
                                                        const std::string& url, Clock& clock) {
  const std::optional<std::string> token = environment("ICEBERG_REST_TOKEN");
  const std::optional<std::string> credential = environment("ICEBERG_REST_CREDENTIAL");
  if (token && credential) {
    return absl::InvalidArgumentError(
        "ICEBERG_REST_TOKEN and ICEBERG_REST_CREDENTIAL are both set: use one of them");
  }
  if (!credential) return NewFixedTokenSource(token.value_or(""));
  const size_t colon = credential->find(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError("ICEBERG_REST_CREDENTIAL must be ID:SECRET");
  }
  const std::string endpoint =
      environment("ICEBERG_REST_OAUTH_URI").value_or(url + "/v1/oauth/tokens");
  RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(endpoint), "ICEBERG_REST_OAUTH_URI"));
  return NewCachedTokenSource(
      std::make_unique<ClientFetcher>(endpoint, credential->substr(0, colon),
                                      credential->substr(colon + 1),
                                      environment("ICEBERG_REST_SCOPE").value_or("catalog"), clock),
      NewCurlHttpClient(), clock);
}

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

absl::StatusOr<std::unique_ptr<RestClient>> RestClient::Make(std::string url,
                                                             const Environment& environment,
                                                             Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<TokenSource> tokens, TokensFrom(environment, url, clock));
  return std::unique_ptr<RestClient>(new RestClient(std::move(url), std::move(tokens)));
}

RestClient::RestClient(std::string url, std::unique_ptr<TokenSource> tokens)
    : url_(std::move(url)), tokens_(std::move(tokens)), http_(NewCurlHttpClient()) {}

absl::StatusOr<HttpResponse> RestClient::Exchange(std::string_view method, std::string_view path,
                                                  std::string_view body,
                                                  const std::stop_token& stop) {
  for (bool has_renewed = false;; has_renewed = true) {
    ASSIGN_OR_RETURN(const AccessToken token, tokens_->Token(stop));
    HttpRequest request{.method = std::string(method), .url = StrCat(url_, path), .body = body};
    request.max_response_bytes = kMaxResponseBytes;
    request.accept_gzip = true;
    request.headers.emplace_back("Accept", "application/json");
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    if (!token.value.empty()) {
      request.headers.emplace_back("Authorization", StrCat("Bearer ", token.value));
    }
    absl::MutexLock lock(&mutex_);
    absl::StatusOr<HttpResponse> response = http_->Send(request, stop);
    const bool is_refused =
        response.ok() && (response->status == 401 || response->status == kTokenExpired);
    if (!is_refused || has_renewed) return response;
    tokens_->Forget(token);
  }
}

absl::StatusOr<json> RestClient::Send(std::string_view method, std::string_view path,
                                      std::string_view body, std::stop_token stop) {
  ASSIGN_OR_RETURN(const HttpResponse response, Exchange(method, path, body, stop));
  if (response.status < 200 || response.status >= 300) return StatusOf(response);
  if (response.body.empty()) return json();
  std::optional<json> parsed = ParseJson(response.body);
  if (!parsed) return absl::UnavailableError("the response is no JSON of bounded depth");
  return *std::move(parsed);
}

}  // namespace millrace::iceberg
