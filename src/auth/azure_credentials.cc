#include "auth/azure_credentials.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "auth/azure_token_fetchers.h"
#include "auth/crypto.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "net/http_server.h"
#include "net/url.h"

namespace millrace {
namespace {

// The account and key of Microsoft's emulators; both are public.
constexpr char kEmulatorAccount[] = "devstoreaccount1";
constexpr char kEmulatorKey[] =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

std::string Variable(const Environment& environment, const std::vector<std::string_view>& names) {
  for (const std::string_view name : names) {
    if (const auto value = environment(name); value && !value->empty()) return *value;
  }
  return "";
}

absl::Status SetKey(std::string_view base64, std::string_view origin,
                    AzureCredentials& credentials) {
  if (absl::Base64Unescape(ToAbsl(base64), &credentials.key) && !credentials.key.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(StrCat(origin, ": the account key is not base64 text"));
}

void SetSas(std::string_view sas, AzureCredentials& credentials) {
  credentials.sas = sas.substr(sas.starts_with("?") ? 1 : 0);
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// "Name=value;...", names in any case.
absl::StatusOr<AzureCredentials> ParseConnectionString(const std::string& text) {
  constexpr char kOrigin[] = "AZURE_STORAGE_CONNECTION_STRING";
  std::map<std::string, std::string> settings;
  for (const absl::string_view part : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          StrCat(kOrigin, " is not a list of Name=value with ';' between them"));
    }
    settings[absl::AsciiStrToLower(absl::StripAsciiWhitespace(part.substr(0, equals)))] =
        std::string(absl::StripAsciiWhitespace(part.substr(equals + 1)));
  }
  AzureCredentials credentials{.description = kOrigin};
  if (settings["usedevelopmentstorage"] == "true") {
    credentials.account = kEmulatorAccount;
    credentials.endpoint = StrCat("http://127.0.0.1:10000/", kEmulatorAccount);
    RETURN_IF_ERROR(SetKey(kEmulatorKey, kOrigin, credentials));
    return credentials;
  }
  credentials.account = settings["accountname"];
  credentials.endpoint = WithoutSlash(settings["blobendpoint"]);
  if (credentials.endpoint.empty() && !credentials.account.empty()) {
    const std::string& scheme = settings["defaultendpointsprotocol"];
    const std::string& suffix = settings["endpointsuffix"];
    credentials.endpoint = StrCat(scheme.empty() ? "https" : scheme, "://", credentials.account,
                                  ".blob.", suffix.empty() ? "core.windows.net" : suffix);
  }
  if (const std::string& key = settings["accountkey"]; !key.empty()) {
    RETURN_IF_ERROR(SetKey(key, kOrigin, credentials));
  } else if (const std::string& sas = settings["sharedaccesssignature"]; !sas.empty()) {
    SetSas(sas, credentials);
  } else {
    return absl::InvalidArgumentError(
        StrCat(kOrigin, " has neither AccountKey nor SharedAccessSignature"));
  }
  if (credentials.endpoint.empty()) {
    return absl::InvalidArgumentError(StrCat(kOrigin, " has neither AccountName nor BlobEndpoint"));
  }
  return credentials;
}

void SetEntra(const AzureAuthOptions& options, AzureCredentials& credentials) {
  const Environment& environment = options.environment;
  AzureApplication application{
      .authority = WithoutSlash(Variable(environment, {"AZURE_AUTHORITY_HOST"})),
      .tenant = Variable(environment, {"AZURE_TENANT_ID"}),
      .client_id = Variable(environment, {"AZURE_CLIENT_ID"})};
  if (application.authority.empty()) application.authority = "https://login.microsoftonline.com";
  const std::string secret = Variable(environment, {"AZURE_CLIENT_SECRET"});
  const std::string token_file = Variable(environment, {"AZURE_FEDERATED_TOKEN_FILE"});
  std::unique_ptr<TokenFetcher> fetcher;
  if (application.tenant.empty() || application.client_id.empty() ||
      (secret.empty() && token_file.empty())) {
    credentials.description = "the managed identity of this machine";
    fetcher = NewManagedIdentityFetcher(options, application.client_id);
  } else if (!secret.empty()) {
    credentials.description = StrCat("the application ", application.client_id);
    fetcher = NewClientSecretFetcher(std::move(application), secret, options.clock);
  } else {
    credentials.description = StrCat("the workload identity ", application.client_id);
    fetcher = NewFederatedFetcher(std::move(application), token_file, options.clock);
  }
  credentials.tokens = NewCachedTokenSource(std::move(fetcher), options.new_http(), options.clock);
}

std::string HeaderOf(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (absl::AsciiStrToLower(key) == ToAbsl(name)) return value;
  }
  return "";
}

// "/account/path", then a line for each name of the query, sorted.
std::string CanonicalResource(const Url& url, const std::string& account) {
  std::map<std::string, std::string> query;
  for (const absl::string_view part : absl::StrSplit(url.query, '&', absl::SkipEmpty())) {
    const size_t equals = std::min(part.find('='), part.size());
    const absl::string_view value = part.substr(std::min(equals + 1, part.size()));
    query[absl::AsciiStrToLower(part.substr(0, equals))] =
        UrlDecode(ToStd(value), /*plus_is_space=*/false);
  }
  std::string resource = StrCat("/", account, url.path);
  for (const auto& [name, value] : query) StrAppend(&resource, "\n", name, ":", value);
  return resource;
}

}  // namespace

absl::StatusOr<std::string> AzureSharedKeyHeader(const HttpRequest& request,
                                                 const std::string& account, std::string_view key) {
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  std::string text = StrCat(request.method, "\n");
  for (const std::string_view name :
       {"content-encoding", "content-language", "content-length", "content-md5", "content-type",
        "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    if (name == "content-length") {
      if (!request.body.empty()) StrAppend(&text, request.body.size());
    } else {
      StrAppend(&text, HeaderOf(request, name));
    }
    text += '\n';
  }
  std::map<std::string, std::string> own;
  for (const auto& [name, value] : request.headers) {
    std::string lower = absl::AsciiStrToLower(name);
    if (lower.starts_with("x-ms-")) own[std::move(lower)] = value;
  }
  for (const auto& [name, value] : own) StrAppend(&text, name, ":", value, "\n");
  text += CanonicalResource(url, account);
  return StrCat("SharedKey ", account, ":", absl::Base64Escape(HmacSha256(key, text)));
}

absl::Status AzureCredentials::Authorize(HttpRequest& request, absl::Time now,
                                         std::stop_token stop) const {
  request.headers.emplace_back(
      "x-ms-date", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", now, absl::UTCTimeZone()));
  if (!sas.empty()) {
    StrAppend(&request.url, request.url.find('?') == std::string::npos ? "?" : "&", sas);
  } else if (tokens != nullptr) {
    ASSIGN_OR_RETURN(const AccessToken token, tokens->Token(std::move(stop)));
    request.headers.emplace_back("Authorization", StrCat("Bearer ", token.value));
  } else {
    ASSIGN_OR_RETURN(std::string header, AzureSharedKeyHeader(request, account, key));
    request.headers.emplace_back("Authorization", std::move(header));
  }
  return absl::OkStatus();
}

absl::StatusOr<AzureCredentials> FindAzureCredentials(const AzureAuthOptions& options) {
  const Environment& environment = options.environment;
  if (const std::string text = Variable(environment, {"AZURE_STORAGE_CONNECTION_STRING"});
      !text.empty()) {
    return ParseConnectionString(text);
  }
  AzureCredentials credentials;
  credentials.account =
      Variable(environment, {"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_ACCOUNT_NAME"});
  if (const std::string key =
          Variable(environment, {"AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT_KEY"});
      !key.empty()) {
    credentials.description = "AZURE_STORAGE_KEY";
    RETURN_IF_ERROR(SetKey(key, credentials.description, credentials));
  } else if (const std::string sas = Variable(environment, {"AZURE_STORAGE_SAS_TOKEN"});
             !sas.empty()) {
    credentials.description = "AZURE_STORAGE_SAS_TOKEN";
    SetSas(sas, credentials);
  } else {
    SetEntra(options, credentials);
  }
  return credentials;
}

}  // namespace millrace
