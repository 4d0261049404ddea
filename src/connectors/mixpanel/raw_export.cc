#include "connectors/mixpanel/raw_export.h"

#include <utility>

#include "base/json_writer.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/export_lines.h"
#include "connectors/mixpanel/query_request.h"

namespace millrace::mixpanel {
namespace {

// Mixpanel may take minutes to send the first byte; the whole export may take hours.
constexpr absl::Duration kLongestSilence = absl::Minutes(5);

std::string JsonArray(const std::vector<std::string>& texts) {
  std::string array = "[";
  for (const std::string& text : texts) {
    if (array.size() > 1) array += ',';
    AppendJsonString(array, text);
  }
  return array + "]";
}

std::string ExportUrl(const Endpoints& endpoints, const RawExportRequest& request) {
  std::string url =
      StrCat(endpoints.data, "/api/2.0/export?from_date=", absl::FormatCivilTime(request.from),
             "&to_date=", absl::FormatCivilTime(request.to));
  if (!request.events.empty()) {
    StrAppend(&url, "&event=", UrlEncode(JsonArray(request.events)));
  }
  if (!request.where.empty()) StrAppend(&url, "&where=", UrlEncode(request.where));
  if (request.limit > 0) StrAppend(&url, "&limit=", request.limit);
  if (request.time_in_ms) url += "&time_in_ms=true";
  return url;
}

}  // namespace

absl::Status ExportRaw(HttpClient& http, const Endpoints& endpoints, const Credentials& credentials,
                       const std::string& project_id, const RawExportRequest& request,
                       const std::function<absl::Status(std::string_view)>& on_line,
                       std::stop_token stop) {
  const std::string context =
      StrCat("reading Mixpanel's export of ", absl::FormatCivilTime(request.from), " to ",
             absl::FormatCivilTime(request.to));
  absl::Status refused_line;
  ExportLines lines([&](std::string_view line) {
    refused_line = on_line(line);
    return refused_line;
  });
  HttpRequest http_request;
  http_request.url = ExportUrl(endpoints, request);
  http_request.headers = {{"Accept", "text/plain"}};
  http_request.timeout = absl::ZeroDuration();
  http_request.stall_timeout = kLongestSilence;
  http_request.accept_gzip = true;
  http_request.on_body = [&](std::string_view piece) { return lines.Push(piece); };

  const absl::StatusOr<HttpResponse> response =
      SendQuery(http, credentials, project_id, std::move(http_request), stop);
  if (!refused_line.ok()) return refused_line;
  if (!response.ok()) return Annotate(response.status(), context);
  const absl::Status end = lines.Finish();
  return refused_line.ok() ? Annotate(end, context) : refused_line;
}

}  // namespace millrace::mixpanel
