#include "connectors/iceberg/rest_auth.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "auth/aws_credentials.h"
#include "auth/aws_signature.h"
#include "auth/crypto.h"
#include "auth/token_request.h"
#include "auth/token_source.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::iceberg {
namespace {

// OAuth 2's client credentials.
class ClientFetcher : public TokenFetcher {
 public:
  ClientFetcher(std::string url, std::string id, std::string secret, std::string scope,
                Clock& clock)
      : url_(std::move(url)),
        id_(std::move(id)),
        secret_(std::move(secret)),
        scope_(std::move(scope)),
        clock_(clock) {}

  absl::StatusOr<AccessToken> Fetch(HttpClient& http, std::stop_token stop) override {
    ASSIGN_OR_RETURN(TokenRequest request,
                     NewFormRequest(url_, {{"grant_type", "client_credentials"},
                                           {"client_id", id_},
                                           {"client_secret", secret_},
                                           {"scope", scope_}}));
    request.secrets = {secret_};
    const absl::Time now = clock_.Now();
    const absl::StatusOr<std::string> answer = Ask(http, request, std::move(stop));
    if (!answer.ok()) {
      return Annotate(answer.status(), "getting a token for ICEBERG_REST_CREDENTIAL");
    }
    return ParseTokenResponse(*answer, now);
  }

 private:
  const std::string url_, id_, secret_, scope_;
  Clock& clock_;
};

absl::StatusOr<std::unique_ptr<TokenSource>> TokensFrom(const Environment& environment,
                                                        const std::string& url, Clock& clock) {
  const std::optional<std::string> token = environment("ICEBERG_REST_TOKEN");
  const std::optional<std::string> credential = environment("ICEBERG_REST_CREDENTIAL");
  if (token && credential) {
    return absl::InvalidArgumentError(
        "ICEBERG_REST_TOKEN and ICEBERG_REST_CREDENTIAL are both set: use one of them");
  }
  if (!credential) return NewFixedTokenSource(token.value_or(""));
  const size_t colon = credential->find(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError("ICEBERG_REST_CREDENTIAL must be ID:SECRET");
  }
  const std::string endpoint =
      environment("ICEBERG_REST_OAUTH_URI").value_or(url + "/v1/oauth/tokens");
  RETURN_IF_ERROR(Annotate(CheckMayCarrySecrets(endpoint), "ICEBERG_REST_OAUTH_URI"));
  return NewCachedTokenSource(
      std::make_unique<ClientFetcher>(endpoint, credential->substr(0, colon),
                                      credential->substr(colon + 1),
                                      environment("ICEBERG_REST_SCOPE").value_or("catalog"), clock),
      NewCurlHttpClient(), clock);
}

class BearerAuth final : public RestAuth {
 public:
  explicit BearerAuth(std::unique_ptr<TokenSource> tokens) : tokens_(std::move(tokens)) {}

  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const AccessToken token, tokens_->Token(std::move(stop)));
    if (!token.value.empty()) {
      request.headers.emplace_back("Authorization", StrCat("Bearer ", token.value));
    }
    absl::MutexLock lock(&mutex_);
    last_ = token;
    return absl::OkStatus();
  }

  void Forget() override {
    absl::MutexLock lock(&mutex_);
    tokens_->Forget(last_);
  }

  std::string_view remedy() const override {
    return "set ICEBERG_REST_TOKEN or ICEBERG_REST_CREDENTIAL to credentials that are valid";
  }

 private:
  const std::unique_ptr<TokenSource> tokens_;
  absl::Mutex mutex_;
  AccessToken last_ ABSL_GUARDED_BY(mutex_);
};

// Signature Version 4: Glue and S3 Tables.
class AwsAuth final : public RestAuth {
 public:
  AwsAuth(std::shared_ptr<AwsKeySource> keys, std::string region, std::string service, Clock& clock)
      : keys_(std::move(keys)),
        region_(std::move(region)),
        service_(std::move(service)),
        clock_(clock) {}

  absl::Status Authorize(HttpRequest& request, std::stop_token stop) override {
    ASSIGN_OR_RETURN(const AwsKeys keys, keys_->Keys(std::move(stop)));
    ASSIGN_OR_RETURN(request.headers, SignAwsRequest({.method = request.method,
                                                      .url = request.url,
                                                      .headers = request.headers,
                                                      .payload_sha256 = Sha256Hex(request.body),
                                                      .region = region_,
                                                      .service = service_,
                                                      .encode_path = true},
                                                     keys, clock_.Now()));
    absl::MutexLock lock(&mutex_);
    last_session_ = keys.session_token;
    return absl::OkStatus();
  }

  void Forget() override {
    absl::MutexLock lock(&mutex_);
    keys_->Forget(last_session_);
  }

  std::string_view remedy() const override {
    return "check the AWS credentials of this account and what they may do in the catalog";
  }

 private:
  const std::shared_ptr<AwsKeySource> keys_;
  const std::string region_, service_;
  Clock& clock_;
  absl::Mutex mutex_;
  std::string last_session_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<RestAuth>> NewRestAuth(const IcebergSpec::Catalog& catalog,
                                                      const Environment& environment,
                                                      Clock& clock) {
  if (catalog.sigv4.empty()) {
    ASSIGN_OR_RETURN(std::unique_ptr<TokenSource> tokens,
                     TokensFrom(environment, catalog.url, clock));
    return std::make_unique<BearerAuth>(std::move(tokens));
  }
  ASSIGN_OR_RETURN(const AwsCredentials credentials,
                   FindAwsCredentials({.environment = environment, .clock = clock}));
  if (credentials.region.empty()) {
    return absl::InvalidArgumentError("sigv4= needs a region: set AWS_REGION");
  }
  return std::make_unique<AwsAuth>(credentials.keys, credentials.region, catalog.sigv4, clock);
}

}  // namespace millrace::iceberg
