// Signed requests to the host of a Snowflake account.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_ACCOUNT_CLIENT_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_ACCOUNT_CLIENT_H_

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "connectors/snowflake/server_error.h"
#include "connectors/snowflake/sign_in.h"
#include "net/http_client.h"

namespace millrace::snowflake {

// One thread at a time; keeps its connection. Does not repeat requests, but for one that Snowflake
// refused because its token had expired.
class AccountClient {
 public:
  // `base_url`: SnowflakeSpec::url. `sign_in` and `clock` outlive the client.
  AccountClient(std::string base_url, SignIn& sign_in, std::unique_ptr<HttpClient> http,
                Clock& clock)
      : base_url_(std::move(base_url)), sign_in_(sign_in), http_(std::move(http)), clock_(clock) {}

  // Sends `request`, whose url is a path, "/api/v2/statements?...", with the headers of the
  // sign-in, User-Agent, Accept and, if it has a body, Content-Type: application/json, unless it
  // has one. The response of any status but 401 is ok. Unauthenticated: 401, also with a new token;
  // it says where the credentials come from. Other errors as of HttpClient::Send() and
  // TokenSource::Token().
  absl::StatusOr<HttpResponse> Send(HttpRequest request, std::stop_token stop);

  Clock& clock() const { return clock_; }

 private:
  const std::string base_url_;
  SignIn& sign_in_;
  const std::unique_ptr<HttpClient> http_;
  Clock& clock_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_ACCOUNT_CLIENT_H_
