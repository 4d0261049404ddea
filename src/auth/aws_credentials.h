// Credentials for AWS: keys from its default chain.
#ifndef MILLRACE_AUTH_AWS_CREDENTIALS_H_
#define MILLRACE_AUTH_AWS_CREDENTIALS_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "auth/aws_signature.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/environment.h"
#include "net/http_client.h"

namespace millrace {

// Keys that are valid now. Thread-safe.
class AwsKeySource {
 public:
  // `tokens` returns keys as JoinAwsKeys() writes them. `description` says where they come from,
  // for messages: "profile x of ~/.aws/config"; no secret.
  AwsKeySource(std::unique_ptr<TokenSource> tokens, std::string description)
      : tokens_(std::move(tokens)), description_(std::move(description)) {}

  // Blocks while temporary keys are fetched. Errors of TokenSource::Token().
  absl::StatusOr<AwsKeys> Keys(std::stop_token stop);
  // Keys with this session token were refused as expired: new ones are fetched.
  void Forget(std::string_view session_token);
  const std::string& description() const { return description_; }

 private:
  const std::unique_ptr<TokenSource> tokens_;
  const std::string description_;
  absl::Mutex mutex_;
  AwsKeys last_ ABSL_GUARDED_BY(mutex_);
};

struct AwsAuthOptions {
  Environment environment;
  std::function<std::unique_ptr<HttpClient>()> new_http = [] { return NewCurlHttpClient(); };
  Clock& clock = Clock::Real();
};

struct AwsCredentials {
  std::shared_ptr<AwsKeySource> keys;
  std::string region;  // AWS_REGION, AWS_DEFAULT_REGION or the profile's; empty: none is set
  // The S3 server, if it is not Amazon's: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's
  // endpoint_url.
  std::string s3_endpoint;
};

// The default chain of AWS, in its order. The first one that is present is used, and errors name
// it:
//   1. AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, unless AWS_PROFILE is
//   set
//   2. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN (EKS)
//   3. the profile AWS_PROFILE, or "default", of ~/.aws/credentials and ~/.aws/config
//      (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE): keys, role_arn with source_profile,
//      credential_source or web_identity_token_file, credential_process
//   4. AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS, EKS)
//   5. the machine's role, by the instance metadata service, version 2
// Sends nothing before keys are requested.
absl::StatusOr<AwsCredentials> FindAwsCredentials(const AwsAuthOptions& options);

// Three lines.
std::string JoinAwsKeys(const AwsKeys& keys);
absl::StatusOr<AwsKeys> SplitAwsKeys(std::string_view joined);

}  // namespace millrace

#endif  // MILLRACE_AUTH_AWS_CREDENTIALS_H_
