#include "connectors/mixpanel/engage_query.h"

#include <nlohmann/json.hpp>
#include <optional>
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

constexpr size_t kMaxPageBytes = 64 << 20;  // usual: 1,000 profiles of about 1 kB
constexpr int kMaxDepth = 256;              // writing JSON recurses

void AppendField(std::string& form, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  StrAppend(&form, form.empty() ? "" : "&", name, "=", UrlEncode(value));
}

absl::Status NotAPage(std::string_view body) {
  return absl::UnavailableError(StrCat("not a page of profiles: ", CleanText(body, 200)));
}

uint64_t Number(const Json& page, const char* key, uint64_t otherwise) {
  const auto found = page.find(key);
  return found != page.end() && found->is_number_unsigned() ? found->get<uint64_t>() : otherwise;
}

}  // namespace

ProfileReader::ProfileReader(HttpClient& http, const Endpoints& endpoints,
                             const Credentials& credentials, const std::string& project_id,
                             ProfileQuery query)
    : http_(http), credentials_(credentials), project_id_(project_id), query_(std::move(query)) {
  request_.method = "POST";
  request_.url = StrCat(endpoints.query, "/api/query/engage");
  request_.headers = {{"Accept", "application/json"},
                      {"Content-Type", "application/x-www-form-urlencoded"}};
  request_.max_response_bytes = kMaxPageBytes;
  request_.accept_gzip = true;
}

std::string ProfileReader::Form() const {
  std::string form;
  AppendField(form, "where", query_.where);
  if (!query_.output_properties.empty()) {
    AppendField(form, "output_properties", Json(query_.output_properties).dump());
  }
  AppendField(form, "data_group_id", query_.data_group_id);
  if (!query_.cohort_id.empty()) {
    AppendField(form, "filter_by_cohort", StrCat("{\"id\":", query_.cohort_id, "}"));
    AppendField(form, "include_all_users", "true");
  }
  if (page_ > 0) {
    AppendField(form, "session_id", session_id_);
    AppendField(form, "page", StrCat(page_));
  }
  return form;
}

absl::StatusOr<std::vector<Profile>> ProfileReader::TakePage(std::string_view body) {
  const std::optional<Json> parsed = ParseOrderedJson(body, kMaxDepth);
  if (!parsed) return NotAPage(body);
  const Json& page = *parsed;
  if (!page.is_object() || !page.contains("results") || !page["results"].is_array() ||
      Number(page, "page", page_) != page_) {
    return NotAPage(body);
  }
  std::vector<Profile> profiles;
  for (const Json& result : page["results"]) {
    if (!result.is_object() || !result.contains("$distinct_id")) return NotAPage(body);
    const Json& id = result["$distinct_id"];
    const auto properties = result.find("$properties");
    profiles.push_back({.distinct_id = id.is_string() ? id.get<std::string>() : id.dump(),
                        .properties = properties == result.end() ? "{}" : properties->dump()});
  }
  if (page_ == 0) {
    if (const auto id = page.find("session_id"); id != page.end() && id->is_string()) {
      session_id_ = id->get<std::string>();
    }
  }
  total_ = Number(page, "total", total_);
  at_end_ = profiles.size() < Number(page, "page_size", 1) || session_id_.empty();
  ++page_;
  return profiles;
}

absl::StatusOr<std::vector<Profile>> ProfileReader::Next(std::stop_token stop) {
  if (at_end_) return std::vector<Profile>();
  const std::string context = StrCat("reading page ", page_, " of Mixpanel's profiles");
  const std::string form = Form();
  request_.body = form;
  absl::StatusOr<HttpResponse> response =
      SendQuery(http_, credentials_, project_id_, request_, stop);
  if (!response.ok()) return Annotate(response.status(), context);
  absl::StatusOr<std::vector<Profile>> page = TakePage(response->body);
  if (!page.ok()) return Annotate(page.status(), context);
  return page;
}

}  // namespace millrace::mixpanel
