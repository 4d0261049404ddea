// What Redshift and its Data API say when something fails, and what that means.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_SERVER_ERROR_H_
#define MILLRACE_CONNECTORS_REDSHIFT_SERVER_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace millrace::redshift {

struct ServerError {
  enum class Kind {
    kRetry,       // it may succeed later, or it is unknown whether it was executed
    kThrottled,   // the same, and the server asks for a lower rate
    kExpired,     // the session token or the signature is out of date: sign again
    kTooLarge,    // a request has more SQL text than the Data API takes
    kRefusesRow,  // a value is not accepted
    kMissing,     // there is no such table or schema
    kStop,        // a retry will not help
  };
  Kind kind = Kind::kRetry;
  std::string code;     // "ThrottlingException", or an SQLSTATE; empty: none is known
  std::string message;  // for people; no secret
  // The number of the statement that failed; -1: it is not known.
  int statement = -1;
};

// `type`: the exception of an HTTP response with this status, "AccessDeniedException".
ServerError::Kind ClassifyException(int http_status, std::string_view type,
                                    std::string_view message);

// What a statement failed with. `state`: its SQLSTATE; empty: the Data API tells none.
ServerError::Kind ClassifyFailure(std::string_view state, std::string_view message);

// With what the user can do.
absl::Status StatusOf(const ServerError& error);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_SERVER_ERROR_H_
