#include <nlohmann/json.hpp>
#include <utility>

#include "auth/google_fetchers.h"
#include "auth/token_request.h"
#include "base/status.h"

namespace millrace {
namespace {

class AuthorizedUserFetcher : public TokenFetcher {
 public:
  AuthorizedUserFetcher(TokenRequest request, Clock& clock)
      : request_(std::move(request)), clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    ASSIGN_OR_RETURN(const std::string reply, Ask(http, request_, std::move(stop)));
    return ParseTokenResponse(reply, now);
  }

 private:
  const TokenRequest request_;
  Clock& clock_;
};

}  // namespace

FetcherOr NewAuthorizedUserFetcher(const nlohmann::json& file, const GoogleAuthOptions& options) {
  ASSIGN_OR_RETURN(const std::string id, TextMember(file, "client_id"));
  ASSIGN_OR_RETURN(const std::string secret, TextMember(file, "client_secret"));
  ASSIGN_OR_RETURN(const std::string refresh, TextMember(file, "refresh_token"));
  ASSIGN_OR_RETURN(const std::string url,
                   TextMemberOr(file, "token_uri", "https://oauth2.googleapis.com/token"));
  // Without scopes: the token has those that the user granted.
  absl::StatusOr<TokenRequest> request = NewFormRequest(url, {{"grant_type", "refresh_token"},
                                                              {"client_id", id},
                                                              {"client_secret", secret},
                                                              {"refresh_token", refresh}});
  if (!request.ok()) return Annotate(request.status(), "\"token_uri\"");
  request->secrets = {secret, refresh};
  return std::make_unique<AuthorizedUserFetcher>(*std::move(request), options.clock);
}

}  // namespace millrace
