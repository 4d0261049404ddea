// Requests to a token endpoint, and what its responses mean.
#ifndef MILLRACE_AUTH_TOKEN_REQUEST_H_
#define MILLRACE_AUTH_TOKEN_REQUEST_H_

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "auth/token_source.h"
#include "net/http_client.h"

namespace millrace {

struct TokenRequest {
  HttpRequest http;  // method, url and headers; its body is `body`
  std::string body;
  // Errors omit an explanation in the response that repeats one of these.
  std::vector<std::string> secrets;
  // The time that the request is signed with. If a server with a different clock refuses it, the
  // error says so.
  std::optional<absl::Time> signed_at;
};

// "a=1&b=2", encoded.
std::string FormBody(const std::vector<std::pair<std::string, std::string>>& fields);

// A POST of a form with secrets. InvalidArgument if `url` would send them unencrypted: it must be
// https, or http to this machine.
absl::StatusOr<TokenRequest> NewFormRequest(
    const std::string& url, const std::vector<std::pair<std::string, std::string>>& fields);

// InvalidArgument unless `url` is https, or http to this machine.
absl::Status CheckMayCarrySecrets(std::string_view url);

inline constexpr size_t kMaxResponseBytes = 256 << 10;

// The body of a 2xx response. Unavailable: 410, IsRetryableStatus() or no response;
// PermissionDenied: 403; Unauthenticated: all others, with the endpoint's explanation, and with
// this machine's clock error if that may be the reason.
absl::StatusOr<std::string> Ask(HttpClient& http, const TokenRequest& request,
                                std::stop_token stop);

// The same for a response that was received.
absl::StatusOr<std::string> ReadResponse(const TokenRequest& request, HttpResponse reply);

// The text of the first element of that name, with entities replaced; "" if there is none. For the
// small responses of AWS's Security Token Service.
std::string ElementText(std::string_view xml, std::string_view name);

// {"access_token", "expires_in"}: the form of RFC 6749 section 5.1; numbers may be strings, and
// "expires_on", in seconds since 1970, may replace expires_in (Azure). Without either, an hour is
// assumed. Unavailable if it is something else.
absl::StatusOr<AccessToken> ParseTokenResponse(std::string_view body, absl::Time now);

// {"accessToken", "expireTime"}: the form of Google's IAM Credentials API.
absl::StatusOr<AccessToken> ParseImpersonationResponse(std::string_view body);

}  // namespace millrace

#endif  // MILLRACE_AUTH_TOKEN_REQUEST_H_
