#include "sandbox/authorization.h"

#include "absl/strings/match.h"
#include "base/strings.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {
namespace {

// "user:secret" of a Basic header; "" if there is none or it has another scheme.
std::string UserAndSecret(std::string_view authorization) {
  constexpr std::string_view kBasic = "Basic ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kBasic))) return "";
  const std::string_view value = TrimBlanks(authorization.substr(kBasic.size()));
  if (value.find(':') != std::string_view::npos) return std::string(value);
  absl::StatusOr<std::string> decoded = sdk::DecodeAnyBase64(value);
  return decoded.ok() ? *std::move(decoded) : "";
}

constexpr std::string_view kBearer = "Bearer ";

// "" if there is none or it has another scheme.
std::string_view BearerToken(std::string_view authorization) {
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kBearer))) return "";
  return TrimBlanks(authorization.substr(kBearer.size()));
}

}  // namespace

bool IsAuthorized(const Access& access, std::string_view authorization, std::string_view project_id,
                  std::string_view api_key) {
  std::string given = UserAndSecret(authorization);
  if (given.empty() && !api_key.empty()) given = StrCat(api_key, ":");
  const std::string_view bearer = BearerToken(authorization);
  if (access.token.empty() && access.service_account.empty() && access.oauth_token.empty()) {
    return !bearer.empty() || (!given.empty() && given != ":");
  }
  if (!access.token.empty() && (given == access.token || given == access.token + ":")) return true;
  if (project_id.empty()) return false;
  if (!access.oauth_token.empty() && bearer == access.oauth_token) return true;
  return !access.service_account.empty() && given == access.service_account;
}

}  // namespace millrace::sandbox
