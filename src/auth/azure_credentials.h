// Credentials for Azure Storage: an account key, a shared access signature, or a token of Entra ID.
#ifndef MILLRACE_AUTH_AZURE_CREDENTIALS_H_
#define MILLRACE_AUTH_AZURE_CREDENTIALS_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/environment.h"
#include "net/http_client.h"

namespace millrace {

struct AzureAuthOptions {
  Environment environment;
  std::function<std::unique_ptr<HttpClient>()> new_http = [] { return NewCurlHttpClient(); };
  Clock& clock = Clock::Real();
};

// Exactly one of key, sas and tokens is set.
struct AzureCredentials {
  std::string account;   // empty: not set; uris must name it
  std::string endpoint;  // of blobs, without a final '/'; empty: the account's at Microsoft
  std::string key;       // secret; decoded, not text
  std::string sas;       // secret; "sv=...&sig=...", added to every query
  std::shared_ptr<TokenSource> tokens;  // of Entra ID
  std::string description;              // for messages; no secret

  // Adds the authentication. A SAS is added to the query of the url, which is never logged. `now`
  // becomes the request's x-ms-date. Errors of TokenSource::Token().
  absl::Status Authorize(HttpRequest& request, absl::Time now, std::stop_token stop) const;
};

// Reads the usual variables, in this order:
//   AZURE_STORAGE_CONNECTION_STRING (of an account key, a SAS, or the emulator);
//   AZURE_STORAGE_ACCOUNT (or _ACCOUNT_NAME) names the account, and then
//   AZURE_STORAGE_KEY (or _ACCOUNT_KEY), or AZURE_STORAGE_SAS_TOKEN, or Entra ID:
//   AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, or with
//   AZURE_FEDERATED_TOKEN_FILE (workload identity); else the machine's managed identity
//   (IDENTITY_ENDPOINT, or the instance metadata service).
// Sends nothing before a token is requested. InvalidArgument, without quoting it, for an invalid
// connection string or key.
absl::StatusOr<AzureCredentials> FindAzureCredentials(const AzureAuthOptions& options);

// The Authorization header of a request, by the account's key ("Shared Key", version 2009-09-19 and
// later). The x-ms-* headers and everything else that is signed must be set.
absl::StatusOr<std::string> AzureSharedKeyHeader(const HttpRequest& request,
                                                 const std::string& account, std::string_view key);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AZURE_CREDENTIALS_H_
