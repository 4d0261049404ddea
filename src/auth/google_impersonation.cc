#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "auth/google_fetchers.h"
#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

class ImpersonatingFetcher : public TokenFetcher {
 public:
  ImpersonatingFetcher(std::unique_ptr<TokenFetcher> source, std::string url, std::string body)
      : source_(std::move(source)), url_(std::move(url)), body_(std::move(body)) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const AccessToken source, source_->Fetch(http, stop));
    TokenRequest request;
    request.http.method = "POST";
    request.http.url = url_;
    request.http.headers = {{"Content-Type", "application/json"},
                            {"Authorization", StrCat("Bearer ", source.value)}};
    request.body = body_;
    request.secrets = {source.value};
    absl::StatusOr<std::string> reply = Ask(http, request, std::move(stop));
    if (!reply.ok()) return Annotate(reply.status(), "impersonating a service account");
    return ParseImpersonationResponse(*reply);
  }

 private:
  const std::unique_ptr<TokenFetcher> source_;
  const std::string url_;
  const std::string body_;
};

}  // namespace

FetcherOr Impersonate(std::unique_ptr<TokenFetcher> source, std::string url, const Json& delegates,
                      absl::Duration lifetime, const GoogleAuthOptions& options) {
  RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(url), "\"service_account_impersonation_url\""));
  Json body = {{"scope", options.scopes},
               {"lifetime", StrCat(absl::ToInt64Seconds(lifetime), "s")}};
  if (!delegates.is_null()) {
    const bool texts =
        delegates.is_array() && std::all_of(delegates.begin(), delegates.end(),
                                            [](const Json& d) { return d.is_string(); });
    if (!texts) return absl::InvalidArgumentError("\"delegates\" is not a list of strings");
    if (!delegates.empty()) body["delegates"] = delegates;
  }
  return std::make_unique<ImpersonatingFetcher>(std::move(source), std::move(url), body.dump());
}

FetcherOr NewImpersonatedFetcher(const Json& file, const GoogleAuthOptions& options, int depth) {
  ASSIGN_OR_RETURN(std::string url, TextMember(file, "service_account_impersonation_url"));
  const auto source = file.find("source_credentials");
  if (source == file.end()) {
    return absl::InvalidArgumentError("\"source_credentials\" is missing");
  }
  GoogleAuthOptions of_source = options;
  of_source.scopes = {std::string(kCloudPlatformScope)};  // required by IAM Credentials
  FetcherOr fetcher = NewGoogleFetcher(*source, of_source, depth + 1);
  if (!fetcher.ok()) return Annotate(fetcher.status(), "\"source_credentials\"");
  const auto delegates = file.find("delegates");
  return Impersonate(*std::move(fetcher), std::move(url),
                     delegates == file.end() ? Json() : *delegates, absl::Hours(1), options);
}

}  // namespace millrace
