// The kinds of Google credentials, each a TokenFetcher made from the members of its file. Errors
// during construction name the member and quote nothing of the file.
#ifndef MILLRACE_AUTH_GOOGLE_FETCHERS_H_
#define MILLRACE_AUTH_GOOGLE_FETCHERS_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"
#include "auth/token_source.h"

namespace millrace {

using FetcherOr = absl::StatusOr<std::unique_ptr<TokenFetcher>>;

// Any of the kinds below, by "type". `depth` counts credentials within credentials.
FetcherOr NewGoogleFetcher(const nlohmann::json& file, const GoogleAuthOptions& options,
                           int depth = 0);

// Signs its own token (AIP-4111) if the file's token_uri is Google's own, else requests one from
// token_uri with a signed assertion (RFC 7523).
FetcherOr NewServiceAccountFetcher(const nlohmann::json& file, const GoogleAuthOptions& options);

// With a refresh token (RFC 6749 section 6).
FetcherOr NewAuthorizedUserFetcher(const nlohmann::json& file, const GoogleAuthOptions& options);

// Workload identity: exchanges a token from another identity provider (RFC 8693), then impersonates
// if configured.
FetcherOr NewExternalAccountFetcher(const nlohmann::json& file, const GoogleAuthOptions& options);

// "source_credentials" acting as a service account.
FetcherOr NewImpersonatedFetcher(const nlohmann::json& file, const GoogleAuthOptions& options,
                                 int depth);

// `source` acting as the service account of `url` (IAM Credentials, generateAccessToken).
FetcherOr Impersonate(std::unique_ptr<TokenFetcher> source, std::string url,
                      const nlohmann::json& delegates, absl::Duration lifetime,
                      const GoogleAuthOptions& options);

// The machine's own service account.
std::unique_ptr<TokenFetcher> NewMetadataFetcher(const GoogleAuthOptions& options);

// The string at `key`. InvalidArgument if it is missing, empty or not a string.
absl::StatusOr<std::string> TextMember(const nlohmann::json& object, const char* key);
// The string at `key`, or `fallback` if there is none.
absl::StatusOr<std::string> TextMemberOr(const nlohmann::json& object, const char* key,
                                         std::string_view fallback);

// "a b": scopes in the format of requests.
std::string JoinScopes(const GoogleAuthOptions& options);

}  // namespace millrace

#endif  // MILLRACE_AUTH_GOOGLE_FETCHERS_H_
