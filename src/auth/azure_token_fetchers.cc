#include "auth/azure_token_fetchers.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "auth/metadata_service.h"
#include "auth/token_request.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "net/url.h"

namespace millrace {
namespace {

constexpr char kScope[] = "https://storage.azure.com/.default";
constexpr char kResource[] = "https://storage.azure.com/";
constexpr size_t kMaxTokenBytes = 64 << 10;

using Fields = std::vector<std::pair<std::string, std::string>>;

class ApplicationFetcher : public TokenFetcher {
 public:
  ApplicationFetcher(AzureApplication application, std::string secret, std::string token_file,
                     Clock& clock)
      : application_(std::move(application)),
        secret_(std::move(secret)),
        token_file_(std::move(token_file)),
        clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    Fields fields = {{"grant_type", "client_credentials"},
                     {"client_id", application_.client_id},
                     {"scope", kScope}};
    std::string secret = secret_;
    if (token_file_.empty()) {
      fields.emplace_back("client_secret", secret);
    } else {
      ASSIGN_OR_RETURN(secret, ReadWholeFile(token_file_, kMaxTokenBytes));
      absl::StripAsciiWhitespace(&secret);
      fields.emplace_back("client_assertion_type",
                          "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      fields.emplace_back("client_assertion", secret);
    }
    ASSIGN_OR_RETURN(TokenRequest request,
                     NewFormRequest(StrCat(application_.authority, "/",
                                           UrlEncode(application_.tenant), "/oauth2/v2.0/token"),
                                    fields));
    request.secrets = {secret};
    const absl::Time now = clock_.Now();
    absl::StatusOr<std::string> answer = Ask(http, request, std::move(stop));
    if (!answer.ok()) {
      return Annotate(answer.status(),
                      StrCat("getting a token for the application ", application_.client_id));
    }
    return ParseTokenResponse(*answer, now);
  }

 private:
  const AzureApplication application_;
  const std::string secret_;
  const std::string token_file_;
  Clock& clock_;
};

constexpr char kNowhere[] =
    "no Azure credentials: set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with "
    "AZURE_STORAGE_KEY, or give this machine an identity";

class ManagedIdentityFetcher : public TokenFetcher {
 public:
  ManagedIdentityFetcher(HttpRequest request, Clock& clock)
      : request_(std::move(request)), clock_(clock), service_({.absent = kNowhere}, clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    ASSIGN_OR_RETURN(HttpResponse reply, service_.Send(http, request_, std::move(stop)));
    const absl::StatusOr<std::string> answer = ReadResponse({.http = request_}, std::move(reply));
    if (!answer.ok()) {
      return absl::UnauthenticatedError(
          StrCat(kNowhere, " (", ToStd(answer.status().message()), ")"));
    }
    return ParseTokenResponse(*answer, now);
  }

 private:
  const HttpRequest request_;
  Clock& clock_;
  MetadataService service_;
};

}  // namespace

std::unique_ptr<TokenFetcher> NewClientSecretFetcher(AzureApplication application,
                                                     std::string secret, Clock& clock) {
  return std::make_unique<ApplicationFetcher>(std::move(application), std::move(secret), "", clock);
}

std::unique_ptr<TokenFetcher> NewFederatedFetcher(AzureApplication application,
                                                  std::string token_file, Clock& clock) {
  return std::make_unique<ApplicationFetcher>(std::move(application), "", std::move(token_file),
                                              clock);
}

std::unique_ptr<TokenFetcher> NewManagedIdentityFetcher(const AzureAuthOptions& options,
                                                        std::string client_id) {
  HttpRequest request;
  const std::string endpoint = options.environment("IDENTITY_ENDPOINT").value_or("");
  const std::string header = options.environment("IDENTITY_HEADER").value_or("");
  if (!endpoint.empty() && !header.empty()) {
    request.url = StrCat(endpoint, "?api-version=2019-08-01&resource=", UrlEncode(kResource));
    request.headers = {{"X-IDENTITY-HEADER", header}};
  } else {
    std::string host = options.environment("AZURE_POD_IDENTITY_AUTHORITY_HOST").value_or("");
    if (host.empty()) host = "http://169.254.169.254";
    request.url = StrCat(host, "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=",
                         UrlEncode(kResource));
    request.headers = {{"Metadata", "true"}};
  }
  if (!client_id.empty()) StrAppend(&request.url, "&client_id=", UrlEncode(client_id));
  return std::make_unique<ManagedIdentityFetcher>(std::move(request), options.clock);
}

}  // namespace millrace
