#include "connectors/mixpanel/query_request.h"

#include <utility>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_response.h"

namespace millrace::mixpanel {
namespace {

// What can be done about a refused OAuth token.
absl::Status ExplainRefusal(const absl::Status& refused, const Credentials& credentials) {
  const std::string place =
      credentials.oauth_token_file.empty() ? "MIXPANEL_OAUTH_TOKEN" : credentials.oauth_token_file;
  return absl::UnauthenticatedError(
      StrCat(ToStd(refused.message()), "; the OAuth token has expired, was withdrawn or has no ",
             "access to the project: put a new one into ", place, " and run it again"));
}

}  // namespace

absl::StatusOr<HttpResponse> SendQuery(HttpClient& http, const Credentials& credentials,
                                       const std::string& project_id, HttpRequest request,
                                       std::stop_token stop) {
  const bool uses_oauth = credentials.has_oauth() && !credentials.has_service_account();
  if ((uses_oauth || credentials.has_service_account()) && !project_id.empty()) {
    const bool has_query = request.url.find('?') != std::string::npos;
    StrAppend(&request.url, has_query ? "&" : "?", "project_id=", UrlEncode(project_id));
  }
  request.headers.emplace_back("User-Agent", "millrace/" MILLRACE_VERSION);
  const size_t headers = request.headers.size();
  const bool can_change = uses_oauth && !credentials.oauth_token_file.empty();
  ASSIGN_OR_RETURN(std::string authorization, credentials.ReadAuthorization());
  for (int tries = 1;; ++tries) {
    request.headers.resize(headers);
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    absl::StatusOr<HttpResponse> response = http.Send(request, stop);
    if (!response.ok()) return response;
    const absl::Status status = CheckResponse(*response);
    if (status.ok()) return response;
    if (!absl::IsUnauthenticated(status) || !uses_oauth) return status;
    // A token that is renewed all the time ends here too.
    if (!can_change || tries == 2) return ExplainRefusal(status, credentials);
    const std::string refused = std::exchange(authorization, "");
    ASSIGN_OR_RETURN(authorization, credentials.ReadAuthorization());
    if (std::string_view(authorization) == refused) return ExplainRefusal(status, credentials);
  }
}

}  // namespace millrace::mixpanel
