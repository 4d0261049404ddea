// Error responses of Mixpanel's read APIs (export, query).
#ifndef MILLRACE_CONNECTORS_MIXPANEL_QUERY_RESPONSE_H_
#define MILLRACE_CONNECTORS_MIXPANEL_QUERY_RESPONSE_H_

#include "absl/status/status.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

// Ok for 200. InvalidArgument: 400. Unauthenticated: 401. PermissionDenied: 402 (the plan has no
// API access), 403. NotFound: 404. Unavailable: 408, 429, 5xx except 501 and 505, and a success
// that is not 200. FailedPrecondition: all others. The message has the reason in the response,
// cleaned and shortened.
absl::Status CheckResponse(const HttpResponse& response);

// Whether an error is that the limit of queries is reached (429).
bool IsLimitReached(const absl::Status& status);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_QUERY_RESPONSE_H_
