#include <nlohmann/json.hpp>
#include <utility>

#include "auth/google_fetchers.h"
#include "auth/google_subject_token.h"
#include "auth/token_request.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

using Fields = std::vector<std::pair<std::string, std::string>>;

// Exchanges a token from another identity provider at Google's Security Token Service.
class ExchangingFetcher : public TokenFetcher {
 public:
  ExchangingFetcher(std::unique_ptr<SubjectToken> subject, std::string url, Fields fields,
                    std::string authorization, Clock& clock)
      : subject_(std::move(subject)),
        url_(std::move(url)),
        fields_(std::move(fields)),
        authorization_(std::move(authorization)),
        clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    const absl::Time now = clock_.Now();
    ASSIGN_OR_RETURN(const std::string subject, subject_->Get(http, stop));
    Fields fields = fields_;
    fields.emplace_back("subject_token", subject);
    ASSIGN_OR_RETURN(TokenRequest request, NewFormRequest(url_, fields));
    request.secrets = {subject};
    if (!authorization_.empty()) request.http.headers.emplace_back("Authorization", authorization_);
    absl::StatusOr<std::string> reply = Ask(http, request, std::move(stop));
    if (!reply.ok()) return Annotate(reply.status(), "exchanging the workload's token");
    return ParseTokenResponse(*reply, now);
  }

 private:
  const std::unique_ptr<SubjectToken> subject_;
  const std::string url_;
  const Fields fields_;
  const std::string authorization_;
  Clock& clock_;
};

// "x@y" of ".../serviceAccounts/x@y:generateAccessToken".
std::string EmailOf(const std::string& impersonation_url) {
  const size_t begin = impersonation_url.rfind('/');
  const size_t end = impersonation_url.rfind(':');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "";
  return impersonation_url.substr(begin + 1, end - begin - 1);
}

absl::StatusOr<absl::Duration> Lifetime(const Json& file) {
  const auto options = file.find("service_account_impersonation");
  if (options == file.end() || !options->is_object()) return absl::Hours(1);
  const auto seconds = options->find("token_lifetime_seconds");
  if (seconds == options->end()) return absl::Hours(1);
  if (!seconds->is_number_integer() || seconds->get<int64_t>() < 600 ||
      seconds->get<int64_t>() > 43'200) {
    return absl::InvalidArgumentError("\"token_lifetime_seconds\" is not from 600 to 43200");
  }
  return absl::Seconds(seconds->get<int64_t>());
}

absl::StatusOr<Fields> ExchangeFields(const Json& file, const SubjectContext& context,
                                      const std::string& scope) {
  Fields fields = {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                   {"audience", context.audience},
                   {"scope", scope},
                   {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
                   {"subject_token_type", context.token_type}};
  ASSIGN_OR_RETURN(const std::string project,
                   TextMemberOr(file, "workforce_pool_user_project", ""));
  if (!project.empty()) fields.emplace_back("options", Json{{"userProject", project}}.dump());
  return fields;
}

}  // namespace

FetcherOr NewExternalAccountFetcher(const Json& file, const GoogleAuthOptions& options) {
  SubjectContext context;
  ASSIGN_OR_RETURN(context.audience, TextMember(file, "audience"));
  ASSIGN_OR_RETURN(context.token_type, TextMember(file, "subject_token_type"));
  ASSIGN_OR_RETURN(std::string token_url, TextMember(file, "token_url"));
  RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(token_url), "\"token_url\""));
  ASSIGN_OR_RETURN(std::string impersonation_url,
                   TextMemberOr(file, "service_account_impersonation_url", ""));
  context.impersonated_email = EmailOf(impersonation_url);
  const auto source = file.find("credential_source");
  ASSIGN_OR_RETURN(std::unique_ptr<SubjectToken> subject,
                   NewSubjectToken(source == file.end() ? Json() : *source, context, options));

  ASSIGN_OR_RETURN(const std::string client_id, TextMemberOr(file, "client_id", ""));
  ASSIGN_OR_RETURN(const std::string client_secret, TextMemberOr(file, "client_secret", ""));
  std::string authorization = client_id.empty() ? "" : BasicAuthorization(client_id, client_secret);
  const bool impersonate = !impersonation_url.empty();
  ASSIGN_OR_RETURN(Fields fields, ExchangeFields(file, context,
                                                 impersonate ? std::string(kCloudPlatformScope)
                                                             : JoinScopes(options)));
  auto fetcher = std::make_unique<ExchangingFetcher>(std::move(subject), std::move(token_url),
                                                     std::move(fields), std::move(authorization),
                                                     options.clock);
  if (!impersonate) return fetcher;
  ASSIGN_OR_RETURN(const absl::Duration lifetime, Lifetime(file));
  return Impersonate(std::move(fetcher), std::move(impersonation_url), Json(), lifetime, options);
}

}  // namespace millrace
