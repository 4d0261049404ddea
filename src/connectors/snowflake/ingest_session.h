// The host of Snowpipe Streaming that belongs to an account, and tokens for it.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_INGEST_SESSION_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_INGEST_SESSION_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "connectors/snowflake/sign_in.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "net/http_client.h"

namespace millrace::snowflake {

using HttpClientFactory = std::function<std::unique_ptr<HttpClient>()>;

// Asks the account for the host once, and exchanges the token of the sign-in for one that only that
// host takes. Thread-safe.
class IngestSession {
 public:
  // All of them outlive the session.
  IngestSession(const SnowflakeSpec& spec, SignIn& sign_in, const HttpClientFactory& new_http,
                Clock& clock);
  ~IngestSession();

  // A token, and where it is valid: "https://myorg-account.ingest.snowflakecomputing.com". Errors
  // of AccountClient::Send(); FailedPrecondition: the account has no such host.
  struct Access {
    std::string url;
    AccessToken token;
  };
  absl::StatusOr<Access> Get(std::stop_token stop);
  // For a token that was refused before it expired.
  void Forget(const AccessToken& refused) { tokens_->Forget(refused); }

 private:
  class Exchange;

  absl::Mutex mutex_;
  std::string url_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<TokenSource> tokens_;  // uses the rest
};

// The time at which a JSON Web Token expires; an hour from `now` if `token` is none.
absl::Time ExpiryOf(std::string_view token, absl::Time now);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_INGEST_SESSION_H_
