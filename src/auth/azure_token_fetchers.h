// The ways to get an Entra ID token for Azure Storage.
#ifndef MILLRACE_AUTH_AZURE_TOKEN_FETCHERS_H_
#define MILLRACE_AUTH_AZURE_TOKEN_FETCHERS_H_

#include <memory>
#include <string>

#include "auth/azure_credentials.h"
#include "auth/token_source.h"

namespace millrace {

struct AzureApplication {
  std::string authority;  // "https://login.microsoftonline.com"
  std::string tenant;
  std::string client_id;
};

// With the application's secret (RFC 6749 section 4.4).
std::unique_ptr<TokenFetcher> NewClientSecretFetcher(AzureApplication application,
                                                     std::string secret, Clock& clock);

// With a token from another identity provider, in a file that is replaced before it expires (RFC
// 7523).
std::unique_ptr<TokenFetcher> NewFederatedFetcher(AzureApplication application,
                                                  std::string token_file, Clock& clock);

// The managed identity of the machine or app; `client_id` selects one of several, or is empty.
std::unique_ptr<TokenFetcher> NewManagedIdentityFetcher(const AzureAuthOptions& options,
                                                        std::string client_id);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AZURE_TOKEN_FETCHERS_H_
