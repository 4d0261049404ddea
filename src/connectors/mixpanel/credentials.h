// Credentials for Mixpanel, and Mixpanel's addresses.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_CREDENTIALS_H_
#define MILLRACE_CONNECTORS_MIXPANEL_CREDENTIALS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"

namespace millrace::mixpanel {

// Secrets: never logged, never part of a URL, a ledger key or an error.
struct Credentials {
  std::string token;  // project token; /engage, /groups, and /import without an account
  std::string service_account_user;  // empty: none
  std::string service_account_secret;
  std::string api_secret;        // the old project secret (retired 2027-03-03)
  std::string oauth_token;       // a bearer token of a user, for reading
  std::string oauth_token_file;  // has one that somebody else renews; read again for each request

  // Whether there are none for writing.
  bool empty() const;
  bool can_read() const { return !empty() || has_oauth(); }
  bool has_oauth() const { return !oauth_token.empty() || !oauth_token_file.empty(); }
  bool has_service_account() const { return !service_account_user.empty(); }
  // The Authorization header for /import: service account, else secret, else token.
  std::string Authorization() const;
  // That for export, query and app: service account, else OAuth token, else secret, else token; ""
  // without any. Errors are those of the token's file.
  absl::StatusOr<std::string> ReadAuthorization() const;
  // What Authorization() uses, for messages: "the service account x for project 1"; no secret.
  std::string Describe(std::string_view project_id) const;
};

// From, in this order, each filling what is missing: `file` (JSON {"token", "service_account":
// {"user","secret"} or "user:secret", "api_secret", "oauth_token", "oauth_token_file"}; refused if
// other users can read it; empty: no file), then MIXPANEL_TOKEN, MIXPANEL_SERVICE_ACCOUNT
// ("user:secret"), MIXPANEL_API_SECRET, MIXPANEL_OAUTH_TOKEN and MIXPANEL_OAUTH_TOKEN_FILE. A file
// and a token from the same place exclude each other.
absl::StatusOr<Credentials> LoadCredentials(const std::string& file,
                                            const Environment& environment);

enum class Region { kUs, kEu, kIn };
// "us", "eu", "in", any case.
absl::StatusOr<Region> ParseRegion(std::string_view name);

// Base URLs without a trailing slash.
struct Endpoints {
  std::string ingestion;  // /import /track /engage /groups
  std::string data;       // /api/2.0/export
  std::string query;      // /api/query/engage

  static Endpoints ForRegion(Region region);
  // All three are `url` (sandbox, proxy): https, or http to this machine itself, because requests
  // contain credentials. A path before the API's own is kept.
  static absl::StatusOr<Endpoints> ForUrl(std::string_view url);
};

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_CREDENTIALS_H_
