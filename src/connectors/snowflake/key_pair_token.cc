#include "connectors/snowflake/key_pair_token.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::snowflake {
namespace {

// Snowflake refuses tokens of more than an hour; the rest is for clocks that differ.
constexpr absl::Duration kLifetime = absl::Minutes(59);

class KeyPairFetcher final : public TokenFetcher {
 public:
  KeyPairFetcher(std::string subject, std::string issuer, RsaKey key, Clock& clock)
      : subject_(std::move(subject)),
        issuer_(std::move(issuer)),
        key_(std::move(key)),
        clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& /*http*/, std::stop_token /*stop*/) override {
    const absl::Time now = clock_.Now();
    const nlohmann::json header = {{"alg", "RS256"}, {"typ", "JWT"}};
    const nlohmann::json claims = {{"iss", issuer_},
                                   {"sub", subject_},
                                   {"iat", absl::ToUnixSeconds(now)},
                                   {"exp", absl::ToUnixSeconds(now + kLifetime)}};
    ASSIGN_OR_RETURN(std::string token, SignJwt(header.dump(), claims.dump(), key_));
    return AccessToken{std::move(token), now + kLifetime};
  }

 private:
  const std::string subject_;
  const std::string issuer_;
  const RsaKey key_;
  Clock& clock_;
};

}  // namespace

absl::StatusOr<std::string> Fingerprint(const RsaKey& key) {
  ASSIGN_OR_RETURN(const std::string der, key.PublicKeyDer());
  return StrCat("SHA256:", absl::Base64Escape(Sha256(der)));
}

absl::StatusOr<std::unique_ptr<TokenFetcher>> NewKeyPairFetcher(const std::string& account,
                                                                const std::string& user, RsaKey key,
                                                                Clock& clock) {
  ASSIGN_OR_RETURN(const std::string fingerprint, Fingerprint(key));
  std::string subject = StrCat(account, ".", user);
  std::string issuer = StrCat(subject, ".", fingerprint);
  return std::make_unique<KeyPairFetcher>(std::move(subject), std::move(issuer), std::move(key),
                                          clock);
}

}  // namespace millrace::snowflake
