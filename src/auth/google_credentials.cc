#include "auth/google_credentials.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "auth/google_fetchers.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr int kMaxDepth = 3;

std::string Variable(const Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

std::string WellKnownFile(const Environment& environment) {
  constexpr std::string_view kName = "/application_default_credentials.json";
  if (const std::string folder = Variable(environment, "CLOUDSDK_CONFIG"); !folder.empty()) {
    return StrCat(folder, kName);
  }
  const std::string home = Variable(environment, "HOME");
  return home.empty() ? "" : StrCat(home, "/.config/gcloud", kName);
}

absl::StatusOr<GoogleCredentials> LoadFile(const std::string& path, const std::string& origin,
                                           const GoogleAuthOptions& options) {
  absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxFileBytes);
  if (!text.ok()) return Annotate(text.status(), StrCat("Google credentials of ", origin));
  return ParseGoogleCredentials(*text, origin, options);
}

// The identity in the file, for messages.
std::string Describe(const Json& file, const std::string& origin) {
  std::string email = TextMemberOr(file, "client_email", "").value_or("");
  const std::string type = TextMemberOr(file, "type", "").value_or("");
  return email.empty() ? StrCat("the ", type, " credentials of ", origin)
                       : StrCat("the service account ", email, " of ", origin);
}

absl::StatusOr<GoogleCredentials> FromFile(const Json& file, const std::string& origin,
                                           const GoogleAuthOptions& options) {
  GoogleCredentials credentials;
  ASSIGN_OR_RETURN(credentials.universe_domain,
                   TextMemberOr(file, "universe_domain", credentials.universe_domain));
  ASSIGN_OR_RETURN(credentials.quota_project, TextMemberOr(file, "quota_project_id", ""));
  ASSIGN_OR_RETURN(std::unique_ptr<TokenFetcher> fetcher, NewGoogleFetcher(file, options));
  credentials.description = Describe(file, origin);
  credentials.tokens = NewCachedTokenSource(std::move(fetcher), options.new_http(), options.clock);
  return credentials;
}

absl::StatusOr<GoogleCredentials> FromVariables(const std::string& email, std::string_view key,
                                                const GoogleAuthOptions& options) {
  if (email.empty() || key.empty()) {
    return absl::InvalidArgumentError(StrCat("Google credentials: ", kGoogleEmailVariable, " and ",
                                             kGooglePrivateKeyVariable, " need each other"));
  }
  const Json file = {{"type", "service_account"},
                     {"client_email", email},
                     {"private_key", absl::StrReplaceAll(ToAbsl(key), {{"\\n", "\n"}})}};
  return ParseGoogleCredentials(file.dump(-1, ' ', false, Json::error_handler_t::replace),
                                StrCat(kGoogleEmailVariable, " and ", kGooglePrivateKeyVariable),
                                options);
}

}  // namespace

FetcherOr NewGoogleFetcher(const Json& file, const GoogleAuthOptions& options, int depth) {
  if (!file.is_object()) return absl::InvalidArgumentError("it is not a JSON object");
  if (depth > kMaxDepth) {
    return absl::InvalidArgumentError("\"source_credentials\" are nested too deeply");
  }
  ASSIGN_OR_RETURN(const std::string type, TextMember(file, "type"));
  if (type == "service_account") return NewServiceAccountFetcher(file, options);
  if (type == "authorized_user") return NewAuthorizedUserFetcher(file, options);
  if (type == "external_account") return NewExternalAccountFetcher(file, options);
  if (type == "impersonated_service_account") return NewImpersonatedFetcher(file, options, depth);
  return absl::InvalidArgumentError(
      "its \"type\" is not service_account, authorized_user, external_account or "
      "impersonated_service_account");
}

absl::StatusOr<std::string> TextMember(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string() ||
      found->get_ref<const std::string&>().empty()) {
    return absl::InvalidArgumentError(StrCat("\"", key, "\" is missing or not a string"));
  }
  return found->get<std::string>();
}

absl::StatusOr<std::string> TextMemberOr(const Json& object, const char* key,
                                         std::string_view fallback) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::string(fallback);
  if (!found->is_string()) {
    return absl::InvalidArgumentError(StrCat("\"", key, "\" is not a string"));
  }
  return found->get<std::string>();
}

std::string JoinScopes(const GoogleAuthOptions& options) {
  return absl::StrJoin(options.scopes, " ");
}

absl::Status GoogleCredentials::Authorize(HttpRequest& request, std::stop_token stop) const {
  absl::StatusOr<AccessToken> token = tokens->Token(std::move(stop));
  if (!token.ok()) {
    return Annotate(token.status(), StrCat("getting an access token for ", description));
  }
  if (token->value.empty()) return absl::OkStatus();
  request.headers.emplace_back("Authorization", StrCat("Bearer ", token->value));
  if (!quota_project.empty()) request.headers.emplace_back("x-goog-user-project", quota_project);
  return absl::OkStatus();
}

absl::StatusOr<GoogleCredentials> ParseGoogleCredentials(std::string_view json,
                                                         const std::string& origin,
                                                         const GoogleAuthOptions& options) {
  // The parser's own message would quote the text.
  const Json file = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  absl::StatusOr<GoogleCredentials> credentials =
      file.is_object() ? FromFile(file, origin, options)
                       : absl::InvalidArgumentError("it is not a JSON object");
  if (!credentials.ok()) {
    return Annotate(credentials.status(), StrCat("Google credentials of ", origin));
  }
  if (const std::string project = Variable(options.environment, "GOOGLE_CLOUD_QUOTA_PROJECT");
      !project.empty()) {
    credentials->quota_project = project;
  }
  return credentials;
}

absl::StatusOr<GoogleCredentials> FindGoogleCredentials(const GoogleAuthOptions& options) {
  const Environment& environment = options.environment;
  const std::string email = Variable(environment, kGoogleEmailVariable);
  const std::string key = Variable(environment, kGooglePrivateKeyVariable);
  if (!email.empty() || !key.empty()) return FromVariables(email, key, options);
  if (const std::string path = Variable(environment, "GOOGLE_APPLICATION_CREDENTIALS");
      !path.empty()) {
    return LoadFile(path, StrCat("GOOGLE_APPLICATION_CREDENTIALS=", path), options);
  }
  if (const std::string path = WellKnownFile(environment); !path.empty()) {
    absl::StatusOr<GoogleCredentials> credentials = LoadFile(path, path, options);
    // Only a file that does not exist is skipped.
    if (!absl::IsNotFound(credentials.status())) return credentials;
  }
  GoogleCredentials credentials;
  if (const std::string universe = Variable(environment, "GOOGLE_CLOUD_UNIVERSE_DOMAIN");
      !universe.empty()) {
    credentials.universe_domain = universe;
  }
  credentials.quota_project = Variable(environment, "GOOGLE_CLOUD_QUOTA_PROJECT");
  credentials.description = "the service account of this machine";
  credentials.tokens =
      NewCachedTokenSource(NewMetadataFetcher(options), options.new_http(), options.clock);
  return credentials;
}

std::optional<std::string> EmulatorUrl(const Environment& environment, std::string_view variable) {
  std::string host = Variable(environment, variable);
  if (host.empty()) return std::nullopt;
  while (host.ends_with('/')) host.pop_back();
  if (host.find("://") == std::string::npos) host.insert(0, "http://");
  return host;
}

GoogleCredentials NoGoogleCredentials(std::string token) {
  return {.tokens = NewFixedTokenSource(std::move(token)), .description = "an emulator"};
}

}  // namespace millrace
