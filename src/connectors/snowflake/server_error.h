// What Snowflake says about a request that failed, and what that means: one table, which
// docs/connectors/snowflake.md repeats.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_SERVER_ERROR_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_SERVER_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "net/http_client.h"

namespace millrace::snowflake {

struct ServerError {
  int http_status = 0;  // 0: the error is not the server's
  std::string code;     // "000904"; empty if it names none, as the next
  std::string state;    // SQLSTATE
  std::string message;  // at most 1,000 bytes
};

// Reads {"code", "sqlState", "message"}; "error_code" is another spelling of "code". Some errors of
// Snowpipe Streaming are the code alone, as a JSON string.
ServerError ParseServerError(const HttpResponse& response);

enum class ErrorKind {
  kRetry,          // passes: try again
  kThrottled,      // the server asks for a lower rate: try again later
  kSignIn,         // the token is not valid (any more): get another one
  kRefuseRow,      // a row is to blame
  kStop,           // somebody has to fix something
  kReopenChannel,  // of Snowpipe Streaming: open the channel again and learn what it has
};

// A line of the table: the first that fits an error says what it means.
struct ErrorRule {
  std::string_view code;   // empty: any, as the next
  std::string_view state;  // the beginning of an SQLSTATE
  int http_status = 0;     // 0: any
  ErrorKind kind = ErrorKind::kStop;
  absl::StatusCode status = absl::StatusCode::kInternal;
  std::string_view advice;  // what to do; empty: the server's message says enough
};

const ErrorRule& RuleOf(const ServerError& error);

// The message of the server, its code and state, and the advice.
absl::Status StatusOf(const ServerError& error);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_SERVER_ERROR_H_
