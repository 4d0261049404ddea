// Credentials for Google Cloud: Application Default Credentials.
#ifndef MILLRACE_AUTH_GOOGLE_CREDENTIALS_H_
#define MILLRACE_AUTH_GOOGLE_CREDENTIALS_H_

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/environment.h"
#include "net/http_client.h"

namespace millrace {

inline constexpr std::string_view kCloudPlatformScope =
    "https://www.googleapis.com/auth/cloud-platform";

// shared_ptr: all connections of all stores share this source.
struct GoogleCredentials {
  std::shared_ptr<TokenSource> tokens;
  // Services are at "<service>.<universe_domain>".
  std::string universe_domain = "googleapis.com";
  std::string quota_project;  // goes into the header x-goog-user-project; empty: none
  std::string description;    // for messages: "the service account a@b of /path"; no secret

  // Adds the headers for authentication. Errors of TokenSource::Token(), with the description.
  absl::Status Authorize(HttpRequest& request, std::stop_token stop) const;
};

struct GoogleAuthOptions {
  Environment environment;
  std::vector<std::string> scopes = {std::string(kCloudPlatformScope)};
  // Makes the client that fetches tokens.
  std::function<std::unique_ptr<HttpClient>()> new_http = [] { return NewCurlHttpClient(); };
  Clock& clock = Clock::Real();
};

// A service account without a file: its e-mail address, and its private key (PEM; "\n" stands for
// a line end, as in variables of containers).
inline constexpr std::string_view kGoogleEmailVariable = "MILLRACE_GOOGLE_EMAIL";
inline constexpr std::string_view kGooglePrivateKeyVariable = "MILLRACE_GOOGLE_PRIVATE_KEY";

// The service account of the two variables above, if either is set (InvalidArgument: the other is
// not). Else Application Default Credentials, in Google's order: the file that
// GOOGLE_APPLICATION_CREDENTIALS names; application_default_credentials.json in $CLOUDSDK_CONFIG or
// ~/.config/gcloud; the metadata server of the machine (GCE_METADATA_HOST overrides its address). A
// file that exists but cannot be used is an error that names it; it is never skipped. Kinds of
// files: service_account, authorized_user, external_account (file, url, aws, and executable if
// GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES is 1), impersonated_service_account.
// GOOGLE_CLOUD_QUOTA_PROJECT replaces a file's quota project. Sends nothing before the first token
// is requested; on a machine outside Google Cloud, that request reports missing credentials
// (Unauthenticated).
absl::StatusOr<GoogleCredentials> FindGoogleCredentials(const GoogleAuthOptions& options);

// The same for the content of a credentials file; `origin` names it in messages.
absl::StatusOr<GoogleCredentials> ParseGoogleCredentials(std::string_view json,
                                                         const std::string& origin,
                                                         const GoogleAuthOptions& options);

// The base URL of an emulator, "http://localhost:8080", if `variable` ("FIRESTORE_EMULATOR_HOST")
// is set, with or without the scheme. Use it with NoGoogleCredentials().
std::optional<std::string> EmulatorUrl(const Environment& environment, std::string_view variable);

// For emulators: the token "owner", or no header at all if `token` is "".
GoogleCredentials NoGoogleCredentials(std::string token = "owner");

}  // namespace millrace

#endif  // MILLRACE_AUTH_GOOGLE_CREDENTIALS_H_
