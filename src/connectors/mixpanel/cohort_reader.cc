#include "connectors/mixpanel/cohort_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/mixpanel/query_request.h"
#include "connectors/mixpanel/response_text.h"

namespace millrace::mixpanel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kListing = "listing Mixpanel's cohorts";
constexpr size_t kMaxListBytes = 64 << 20;
constexpr int kMaxDepth = 256;  // writing JSON recurses

std::string MemberProperties(const std::string& cohort, const std::string& distinct_id) {
  std::string properties = StrCat("{\"cohort_id\":", cohort, ",\"distinct_id\":");
  AppendJsonString(properties, distinct_id);
  return properties + "}";
}

}  // namespace

CohortReader::CohortReader(HttpClient& http, const Endpoints& endpoints,
                           const Credentials& credentials, const std::string& project_id,
                           CohortQuery query, TakeQuery take_query)
    : http_(http),
      endpoints_(endpoints),
      credentials_(credentials),
      project_id_(project_id),
      query_(std::move(query)),
      take_query_(std::move(take_query)) {}

absl::StatusOr<std::vector<Profile>> CohortReader::Next(std::stop_token stop) {
  if (is_listed_) return NextMembers(std::move(stop));
  if (!is_taken_) RETURN_IF_ERROR(take_query_());
  is_taken_ = true;
  absl::StatusOr<std::vector<Profile>> list = List(std::move(stop));
  if (!list.ok()) return Annotate(list.status(), kListing);
  is_listed_ = true;
  total_ = list->size();
  return list;
}

absl::StatusOr<std::vector<Profile>> CohortReader::List(std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = StrCat(endpoints_.query, "/api/query/cohorts/list");
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  request.max_response_bytes = kMaxListBytes;
  request.accept_gzip = true;
  ASSIGN_OR_RETURN(const HttpResponse response, SendQuery(http_, credentials_, project_id_,
                                                          std::move(request), std::move(stop)));
  return TakeList(response.body);
}

absl::StatusOr<std::vector<Profile>> CohortReader::TakeList(std::string_view body) {
  const auto no_list = [body] {
    return absl::UnavailableError(StrCat("not a list of cohorts: ", CleanText(body, 200)));
  };
  const std::optional<Json> list = ParseOrderedJson(body, kMaxDepth);
  if (!list || !list->is_array()) return no_list();
  cohorts_.clear();
  std::vector<Profile> rows;
  for (const Json& cohort : *list) {
    if (!cohort.is_object() || !cohort.contains("id") || !cohort["id"].is_number_integer()) {
      return no_list();
    }
    const std::string id = cohort["id"].dump();
    const auto& wanted = query_.ids;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), id) == wanted.end()) continue;
    rows.push_back(
        {.distinct_id = id, .properties = cohort.dump(), .group_key = "mixpanel_cohort"});
    cohorts_.push_back(id);
  }
  for (const std::string& id : query_.ids) {
    if (std::find(cohorts_.begin(), cohorts_.end(), id) != cohorts_.end()) continue;
    return absl::NotFoundError(StrCat("the project has no cohort ", CleanText(id, 40)));
  }
  return rows;
}

absl::StatusOr<std::vector<Profile>> CohortReader::NextMembers(std::stop_token stop) {
  for (; query_.members && at_ < cohorts_.size(); ++at_) {
    const std::string& cohort = cohorts_[at_];
    if (members_ == nullptr) {
      RETURN_IF_ERROR(take_query_());
      // Properties are of no use, but a query that names none gets all of them.
      members_ = std::make_unique<ProfileReader>(
          http_, endpoints_, credentials_, project_id_,
          ProfileQuery{.output_properties = {"$last_seen"}, .cohort_id = cohort});
    }
    absl::StatusOr<std::vector<Profile>> page = members_->Next(stop);
    if (!page.ok()) return Annotate(page.status(), StrCat("members of the cohort ", cohort));
    if (!page->empty()) {
      for (Profile& member : *page) {
        member.properties = MemberProperties(cohort, member.distinct_id);
        member.distinct_id = StrCat(cohort, ":", member.distinct_id);
        member.group_key = "mixpanel_cohort_member";
      }
      return page;
    }
    total_ += members_->total();
    members_.reset();
  }
  return std::vector<Profile>();
}

}  // namespace millrace::mixpanel
