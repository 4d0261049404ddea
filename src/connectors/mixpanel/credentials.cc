#include "connectors/mixpanel/credentials.h"

#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "net/http_client.h"

namespace millrace::mixpanel {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = 64 << 10;

// A secret as it is sent: without white space at its ends (files and `echo` add line ends), and
// without any inside, which could split a header.
absl::StatusOr<std::string> Secret(std::string_view text, std::string_view name) {
  const std::string stripped(absl::StripAsciiWhitespace(ToAbsl(text)));
  for (const char c : stripped) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          StrCat(name, " has a space, a control character or a non-ASCII character in it"));
    }
  }
  if (stripped.empty()) return absl::InvalidArgumentError(StrCat(name, " is empty"));
  return stripped;
}

absl::Status SetServiceAccount(std::string_view text, std::string_view name,
                               Credentials& credentials) {
  ASSIGN_OR_RETURN(const std::string account, Secret(text, name));
  const size_t colon = account.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == account.size()) {
    return absl::InvalidArgumentError(StrCat(name, " must be \"user:secret\""));
  }
  credentials.service_account_user = account.substr(0, colon);
  credentials.service_account_secret = account.substr(colon + 1);
  return absl::OkStatus();
}

absl::StatusOr<std::string> StringMember(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return absl::InvalidArgumentError(StrCat("\"", key, "\" must be a text"));
  }
  return Secret(found->get_ref<const std::string&>(), StrCat("\"", key, "\""));
}

// Refuses a file that other users can read.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "opening it");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::PermissionDeniedError(StrCat("other users can read it; run: chmod 600 ", path));
  }
  return ReadWholeFile(path, kMaxFileBytes);
}

absl::StatusOr<std::string> ReadOauthToken(const std::string& path) {
  const std::string name = StrCat("OAuth token file ", path);
  absl::StatusOr<std::string> text = ReadSecretFile(path);
  if (!text.ok()) return Annotate(text.status(), name);
  return Secret(*text, name);
}

absl::Status CheckOauth(const Credentials& credentials) {
  if (credentials.oauth_token_file.empty()) return absl::OkStatus();
  if (!credentials.oauth_token.empty()) {
    return absl::InvalidArgumentError("give an OAuth token or a file that has it, not both");
  }
  return ReadOauthToken(credentials.oauth_token_file).status();
}

absl::Status ReadMembers(const Json& file, Credentials& credentials) {
  for (const auto& [key, value] : file.items()) {
    if (key == "token") {
      ASSIGN_OR_RETURN(credentials.token, StringMember(file, "token"));
    } else if (key == "api_secret") {
      ASSIGN_OR_RETURN(credentials.api_secret, StringMember(file, "api_secret"));
    } else if (key == "oauth_token") {
      ASSIGN_OR_RETURN(credentials.oauth_token, StringMember(file, "oauth_token"));
    } else if (key == "oauth_token_file") {
      ASSIGN_OR_RETURN(credentials.oauth_token_file, StringMember(file, "oauth_token_file"));
    } else if (key == "service_account" && value.is_string()) {
      RETURN_IF_ERROR(SetServiceAccount(value.get_ref<const std::string&>(), "\"service_account\"",
                                        credentials));
    } else if (key == "service_account" && value.is_object()) {
      ASSIGN_OR_RETURN(credentials.service_account_user, StringMember(value, "user"));
      ASSIGN_OR_RETURN(credentials.service_account_secret, StringMember(value, "secret"));
    } else if (key == "service_account") {
      return absl::InvalidArgumentError(
          "\"service_account\" must be {\"user\", \"secret\"} or \"user:secret\"");
    } else {
      return absl::InvalidArgumentError(
          "only \"token\", \"service_account\", \"api_secret\", \"oauth_token\" and "
          "\"oauth_token_file\" may stand in it");
    }
  }
  return CheckOauth(credentials);
}

absl::Status ReadFile(const std::string& path, Credentials& credentials) {
  ASSIGN_OR_RETURN(const std::string text, ReadSecretFile(path));
  // The parser's own message would quote the file.
  const Json file = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
  return ReadMembers(file, credentials);
}

absl::Status ReadEnvironment(const Environment& environment, Credentials& credentials) {
  const auto get = [&](std::string_view name) -> std::string {
    return environment(name).value_or("");  // set but empty means unset, as shells make it hard to
  };
  if (const std::string token = get("MIXPANEL_TOKEN");
      credentials.token.empty() && !token.empty()) {
    ASSIGN_OR_RETURN(credentials.token, Secret(token, "MIXPANEL_TOKEN"));
  }
  if (const std::string account = get("MIXPANEL_SERVICE_ACCOUNT");
      !credentials.has_service_account() && !account.empty()) {
    RETURN_IF_ERROR(SetServiceAccount(account, "MIXPANEL_SERVICE_ACCOUNT", credentials));
  }
  if (const std::string secret = get("MIXPANEL_API_SECRET");
      credentials.api_secret.empty() && !secret.empty()) {
    ASSIGN_OR_RETURN(credentials.api_secret, Secret(secret, "MIXPANEL_API_SECRET"));
  }
  if (credentials.has_oauth()) return absl::OkStatus();
  if (const std::string token = get("MIXPANEL_OAUTH_TOKEN"); !token.empty()) {
    ASSIGN_OR_RETURN(credentials.oauth_token, Secret(token, "MIXPANEL_OAUTH_TOKEN"));
  }
  credentials.oauth_token_file = get("MIXPANEL_OAUTH_TOKEN_FILE");
  return CheckOauth(credentials);
}

}  // namespace

bool Credentials::empty() const {
  return token.empty() && service_account_user.empty() && api_secret.empty();
}

std::string Credentials::Authorization() const {
  if (has_service_account()) {
    return BasicAuthorization(service_account_user, service_account_secret);
  }
  return BasicAuthorization(api_secret.empty() ? token : api_secret, "");
}

absl::StatusOr<std::string> Credentials::ReadAuthorization() const {
  if (has_service_account() || !has_oauth()) return empty() ? std::string() : Authorization();
  if (oauth_token_file.empty()) return "Bearer " + oauth_token;
  ASSIGN_OR_RETURN(const std::string token, ReadOauthToken(oauth_token_file));
  return "Bearer " + token;
}

std::string Credentials::Describe(std::string_view project_id) const {
  if (has_service_account()) {
    return StrCat("the service account ", service_account_user, " for project ", project_id);
  }
  if (!api_secret.empty()) return "the project secret (Mixpanel retires these on 2027-03-03)";
  return token.empty() ? "none: set MIXPANEL_SERVICE_ACCOUNT or MIXPANEL_TOKEN"
                       : "the project token";
}

absl::StatusOr<Credentials> LoadCredentials(const std::string& file,
                                            const Environment& environment) {
  Credentials credentials;
  if (!file.empty()) {
    RETURN_IF_ERROR(Annotate(ReadFile(file, credentials), StrCat("credentials file ", file)));
  }
  RETURN_IF_ERROR(ReadEnvironment(environment, credentials));
  return credentials;
}

absl::StatusOr<Region> ParseRegion(std::string_view name) {
  const std::string lower = absl::AsciiStrToLower(ToAbsl(name));
  if (lower == "us") return Region::kUs;
  if (lower == "eu") return Region::kEu;
  if (lower == "in") return Region::kIn;
  return absl::InvalidArgumentError(StrCat("no such region: \"", name, "\" (us, eu or in)"));
}

Endpoints Endpoints::ForRegion(Region region) {
  switch (region) {
    case Region::kUs:
      break;
    case Region::kEu:
      return {"https://api-eu.mixpanel.com", "https://data-eu.mixpanel.com",
              "https://eu.mixpanel.com"};
    case Region::kIn:
      return {"https://api-in.mixpanel.com", "https://data-in.mixpanel.com",
              "https://in.mixpanel.com"};
  }
  return {"https://api.mixpanel.com", "https://data.mixpanel.com", "https://mixpanel.com"};
}

absl::StatusOr<Endpoints> Endpoints::ForUrl(std::string_view url) {
  absl::StatusOr<Url> parsed = ParseUrl(url);
  if (!parsed.ok()) return Annotate(parsed.status(), "the Mixpanel URL");
  if (parsed->has_user || !parsed->query.empty() || parsed->has_fragment) {
    return absl::InvalidArgumentError(
        "the Mixpanel URL must not have credentials, a query or a fragment");
  }
  if (parsed->scheme == "http" && !parsed->IsLoopback()) {
    return absl::InvalidArgumentError(
        StrCat("the Mixpanel URL http://", parsed->host,
               " would send credentials in the clear: use https (http is for this machine only)"));
  }
  while (!url.empty() && url.back() == '/') url.remove_suffix(1);
  const std::string base(url);
  return Endpoints{base, base, base};
}

}  // namespace millrace::mixpanel
