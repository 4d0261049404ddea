// What Mixpanel says of a project (GET /api/app/me).
#ifndef MILLRACE_CONNECTORS_MIXPANEL_PROJECT_SETTINGS_H_
#define MILLRACE_CONNECTORS_MIXPANEL_PROJECT_SETTINGS_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "connectors/mixpanel/credentials.h"
#include "net/http_client.h"

namespace millrace::mixpanel {

// The name of the time zone of the project's settings, such as "America/New_York". One try.
// Unavailable: try again. NotFound: the account does not have the project. Unauthenticated: it
// needs a service account or an OAuth token.
absl::StatusOr<std::string> ReadTimeZoneName(HttpClient& http, const Endpoints& endpoints,
                                             const Credentials& credentials,
                                             const std::string& project_id, std::stop_token stop);

}  // namespace millrace::mixpanel

#endif  // MILLRACE_CONNECTORS_MIXPANEL_PROJECT_SETTINGS_H_
