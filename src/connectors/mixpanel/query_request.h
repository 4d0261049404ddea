// Requests of Mixpanel's read APIs: export, query and app.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_QUERY_REQUEST_H_
#define MILLRACE_CONNECTORS_MIXPANEL_QUERY_REQUEST_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

// Sends `request`, to which it adds who asks and, unless `project_id` is empty or the credentials
// are those of one project, `project_id`. A response that is not 200 is an error, as of
// CheckResponse(). If Mixpanel refuses an OAuth token and its file has another one by then, the
// request is sent again with that.
absl::StatusOr<HttpResponse> SendQuery(HttpClient& http, const Credentials& credentials,
                                       const std::string& project_id, HttpRequest request,
                                       std::stop_token stop);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_QUERY_REQUEST_H_
