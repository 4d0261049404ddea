#include "connectors/mixpanel/jql_query.h"

#include <utility>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/json_array_rows.h"
#include "connectors/mixpanel/query_request.h"

namespace millrace::mixpanel {
namespace {

constexpr std::string_view kContext = "running the JQL script";
// A query runs for two minutes at most, and the first byte may come at its end.
constexpr absl::Duration kLongestSilence = absl::Minutes(5);

// What Mixpanel, and the servers before it, answer to a query that ran for too long.
bool TookTooLong(const absl::Status& status) {
  const std::string_view message = ToStd(status.message());
  const auto has = [&](std::string_view text) {
    return message.find(text) != std::string_view::npos;
  };
  return has("answered 408") || has("answered 504") || has("too much time") || has("timed out");
}

}  // namespace

absl::Status RunJql(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                    const std::string& project_id, const JqlQuery& query,
                    const std::function<absl::Status(std::string_view)>& on_row,
                    std::stop_token stop) {
  absl::Status refused_row;
  JsonArrayRows rows([&](std::string_view row) {
    refused_row = on_row(row);
    return refused_row;
  });
  const std::string form =
      StrCat("script=", UrlEncode(query.script), "&params=", UrlEncode(query.params));
  HttpRequest request;
  request.method = "POST";
  request.url = endpoints.query + "/api/query/jql";
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = form;
  request.timeout = absl::ZeroDuration();
  request.stall_timeout = kLongestSilence;
  request.accept_gzip = true;
  request.on_body = [&](std::string_view piece) { return rows.Push(piece); };
  const absl::StatusOr<HttpResponse> response =
      SendQuery(http, credentials, project_id, std::move(request), std::move(stop));
  if (!refused_row.ok()) return refused_row;
  if (!response.ok() && TookTooLong(response.status())) {
    return absl::AbortedError(StrCat(kContext, ": ", ToStd(response.status().message())));
  }
  if (!response.ok()) return Annotate(response.status(), kContext);
  return Annotate(rows.Finish(), kContext);
}

}  // namespace millrace::mixpanel
