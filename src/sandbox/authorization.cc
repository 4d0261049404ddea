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

}  // namespace

bool IsAuthorized(const Access& access, std::string_view authorization, std::string_view project_id,
                  std::string_view api_key) {
  std::string given = UserAndSecret(authorization);
  if (given.empty() && !api_key.empty()) given = StrCat(api_key, ":");
  if (access.token.empty() && access.service_account.empty()) {
    const bool other_scheme = authorization.find(' ') != std::string_view::npos && given.empty() &&
                              absl::StartsWithIgnoreCase(ToAbsl(authorization), "Bearer ");
    return other_scheme || (!given.empty() && given != ":");
  }
  if (!access.token.empty() && (given == access.token || given == access.token + ":")) return true;
  return !access.service_account.empty() && given == access.service_account && !project_id.empty();
}

}  // namespace millrace::sandbox
