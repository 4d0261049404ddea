#include <nlohmann/json.hpp>
#include <utility>

#include "auth/crypto.h"
#include "auth/google_fetchers.h"
#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kGoogleTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kGoogleUniverse = "googleapis.com";
constexpr absl::Duration kLifetime = absl::Hours(1);  // the allowed maximum

struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string token_uri;  // empty: tokens are signed here
  std::string scope;
};

class ServiceAccountFetcher : public TokenFetcher {
 public:
  ServiceAccountFetcher(ServiceAccount account, RsaKey key, Clock& clock)
      : account_(std::move(account)), key_(std::move(key)), clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    ASSIGN_OR_RETURN(std::string signed_text, Sign(now));
    if (account_.token_uri.empty()) return AccessToken{std::move(signed_text), now + kLifetime};
    ASSIGN_OR_RETURN(TokenRequest request,
                     NewFormRequest(account_.token_uri,
                                    {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                     {"assertion", signed_text}}));
    request.secrets = {signed_text};
    request.signed_at = now;
    ASSIGN_OR_RETURN(const std::string reply, Ask(http, request, std::move(stop)));
    return ParseTokenResponse(reply, now);
  }

 private:
  absl::StatusOr<std::string> Sign(absl::Time now) const {
    Json header = {{"alg", "RS256"}, {"typ", "JWT"}};
    if (!account_.key_id.empty()) header["kid"] = account_.key_id;
    Json claims = {{"iss", account_.email},
                   {"scope", account_.scope},
                   {"iat", absl::ToUnixSeconds(now)},
                   {"exp", absl::ToUnixSeconds(now + kLifetime)}};
    if (account_.token_uri.empty()) {
      claims["sub"] = account_.email;
    } else {
      claims["aud"] = account_.token_uri;
    }
    return SignJwt(header.dump(), claims.dump(), key_);
  }

  const ServiceAccount account_;
  const RsaKey key_;
  Clock& clock_;
};

}  // namespace

FetcherOr NewServiceAccountFetcher(const Json& file, const GoogleAuthOptions& options) {
  ServiceAccount account{.scope = JoinScopes(options)};
  ASSIGN_OR_RETURN(account.email, TextMember(file, "client_email"));
  ASSIGN_OR_RETURN(account.key_id, TextMemberOr(file, "private_key_id", ""));
  ASSIGN_OR_RETURN(account.token_uri, TextMemberOr(file, "token_uri", ""));
  ASSIGN_OR_RETURN(const std::string universe,
                   TextMemberOr(file, "universe_domain", kGoogleUniverse));
  // Other universes have no token endpoint. A custom endpoint is configured to be used.
  if (account.token_uri == kGoogleTokenUri || universe != kGoogleUniverse) {
    account.token_uri.clear();
  }
  if (!account.token_uri.empty()) {
    RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(account.token_uri), "\"token_uri\""));
  }
  ASSIGN_OR_RETURN(const std::string pem, TextMember(file, "private_key"));
  absl::StatusOr<RsaKey> key = RsaKey::FromPem(pem);
  if (!key.ok()) return Annotate(key.status(), "\"private_key\"");
  return std::make_unique<ServiceAccountFetcher>(std::move(account), *std::move(key),
                                                 options.clock);
}

}  // namespace millrace
