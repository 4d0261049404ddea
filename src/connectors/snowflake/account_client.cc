#include "connectors/snowflake/account_client.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "net/server_clock.h"

namespace millrace::snowflake {
namespace {

bool HasHeader(const HttpRequest& request, std::string_view name) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [&](const auto& header) { return header.first == name; });
}

}  // namespace

absl::StatusOr<HttpResponse> AccountClient::Send(HttpRequest request, std::stop_token stop) {
  request.url = base_url_ + request.url;
  const std::string_view type = HeaderOf(sign_in_.type);
  if (!type.empty()) {
    request.headers.emplace_back("X-Snowflake-Authorization-Token-Type", type);
  }
  request.headers.emplace_back("User-Agent", "millrace/" MILLRACE_VERSION);
  if (!HasHeader(request, "Accept")) request.headers.emplace_back("Accept", "application/json");
  if (!request.body.empty() && !HasHeader(request, "Content-Type")) {
    request.headers.emplace_back("Content-Type", "application/json");
  }
  request.headers.emplace_back("Authorization", "");
  for (bool is_first = true;; is_first = false) {
    ASSIGN_OR_RETURN(const AccessToken token, sign_in_.tokens->Token(stop));
    request.headers.back().second = StrCat("Bearer ", token.value);
    absl::StatusOr<HttpResponse> response = http_->Send(request, stop);
    if (!response.ok() || response->status != 401) return response;
    sign_in_.tokens->Forget(token);
    if (is_first) continue;
    const std::string hint = ClockHint(*response, clock_.Now());
    return absl::UnauthenticatedError(StrCat(sign_in_.origin, ": ",
                                             StatusOf(ParseServerError(*response)).message(),
                                             hint.empty() ? "" : "; ", hint));
  }
}

}  // namespace millrace::snowflake
