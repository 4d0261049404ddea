#include "connectors/mixpanel/project_settings.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_request.h"

namespace millrace::mixpanel {

absl::StatusOr<std::string> ReadTimeZoneName(HttpClient& http, const Endpoints& endpoints,
                                             const Credentials& credentials,
                                             const std::string& project_id, std::stop_token stop) {
  constexpr std::string_view kContext = "reading the project's settings";
  HttpRequest request;
  request.url = endpoints.query + "/api/app/me";
  request.headers = {{"Accept", "application/json"}};
  request.accept_gzip = true;
  const absl::StatusOr<HttpResponse> response =
      SendQuery(http, credentials, /*project_id=*/"", std::move(request), std::move(stop));
  if (!response.ok()) return Annotate(response.status(), kContext);
  const std::optional<nlohmann::json> json = ParseJson(response->body);
  const nlohmann::json::json_pointer zone("/results/projects/" + project_id + "/timezone");
  if (!json || !json->is_object() || !json->contains(zone) || !json->at(zone).is_string()) {
    return absl::NotFoundError(StrCat(kContext, ": Mixpanel names no time zone of project ",
                                      project_id, "; does the account have access to it?"));
  }
  return json->at(zone).get<std::string>();
}

}  // namespace millrace::mixpanel
