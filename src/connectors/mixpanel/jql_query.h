// Runs a JQL script (POST /api/query/jql). Mixpanel maintains JQL and does not develop it further.
#ifndef MILLRACE_CONNECTORS_MIXPANEL_JQL_QUERY_H_
#define MILLRACE_CONNECTORS_MIXPANEL_JQL_QUERY_H_

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

struct JqlQuery {
  std::string script;  // JavaScript with a function main()
  std::string params;  // a JSON object, which the script has as `params`
};

// One try. Calls `on_row` with each element of the result, as one line of JSON. Unavailable: no
// response, 429, 5xx, or a result that is cut off. Aborted: the query took too long, and may be
// made smaller. FailedPrecondition: the script failed; the message has Mixpanel's reason. Others as
// of CheckResponse(). A status of `on_row` ends the query with it.
absl::Status RunJql(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                    const std::string& project_id, const JqlQuery& query,
                    const std::function<absl::Status(std::string_view)>& on_row,
                    std::stop_token stop);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_JQL_QUERY_H_
