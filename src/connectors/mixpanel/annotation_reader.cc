#include "connectors/mixpanel/annotation_reader.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_parse.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_request.h"
#include "connectors/mixpanel/response_text.h"

namespace millrace::mixpanel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kContext = "reading Mixpanel's annotations";
constexpr size_t kMaxListBytes = 64 << 20;
constexpr int kMaxDepth = 256;  // writing JSON recurses

void AppendLimit(std::string& url, std::string_view name, const std::optional<absl::CivilDay>& day,
                 std::string_view time) {
  if (!day) return;
  StrAppend(&url, url.find('?') == std::string::npos ? "?" : "&", name, "=",
            UrlEncode(StrCat(absl::FormatCivilTime(*day), " ", time)));
}

}  // namespace

AnnotationReader::AnnotationReader(HttpClient& http, const Endpoints& endpoints,
                                   const Credentials& credentials, const std::string& project_id,
                                   const AnnotationQuery& query)
    : http_(http), credentials_(credentials) {
  request_.url =
      StrCat(endpoints.query, "/api/app/projects/", UrlEncode(project_id), "/annotations");
  AppendLimit(request_.url, "fromDate", query.from, "00:00:00");
  AppendLimit(request_.url, "toDate", query.to, "23:59:59");
  request_.headers = {{"Accept", "application/json"}};
  request_.max_response_bytes = kMaxListBytes;
  request_.accept_gzip = true;
}

absl::StatusOr<std::vector<Profile>> AnnotationReader::Next(std::stop_token stop) {
  if (at_end_) return std::vector<Profile>();
  const absl::StatusOr<HttpResponse> response =
      SendQuery(http_, credentials_, /*project_id=*/"", request_, std::move(stop));
  if (!response.ok()) return Annotate(response.status(), kContext);
  absl::StatusOr<std::vector<Profile>> list = TakeList(response->body);
  if (!list.ok()) return Annotate(list.status(), kContext);
  at_end_ = true;
  total_ = list->size();
  return list;
}

absl::StatusOr<std::vector<Profile>> AnnotationReader::TakeList(std::string_view body) const {
  const auto no_list = [body] {
    return absl::UnavailableError(StrCat("not a list of annotations: ", CleanText(body, 200)));
  };
  const std::optional<Json> json = ParseOrderedJson(body, kMaxDepth);
  if (!json || !json->is_object() || !json->contains("results") || !(*json)["results"].is_array()) {
    return no_list();
  }
  std::vector<Profile> rows;
  for (const Json& one : (*json)["results"]) {
    if (!one.is_object() || !one.contains("id") || !one["id"].is_number_integer()) {
      return no_list();
    }
    rows.push_back({.distinct_id = one["id"].dump(),
                    .properties = one.dump(),
                    .group_key = "mixpanel_annotation"});
  }
  return rows;
}

}  // namespace millrace::mixpanel
