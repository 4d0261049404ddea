#include "sandbox/engage_handler.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/limits.h"
#include "sandbox/query_request.h"

namespace millrace::sandbox {
namespace {

// Those that decide what the result is.
constexpr std::array<std::string_view, 7> kResultParameters = {
    "where",         "distinct_id",       "distinct_ids",     "filter_by_cohort",
    "data_group_id", "include_all_users", "output_properties"};

struct EngageQuery {
  ProfileKey key;
  std::optional<std::set<std::string, std::less<>>> ids;
  std::optional<WhereExpression> where;
  std::optional<Cohort> cohort;
  bool include_all_users = true;  // of the cohort, also without a profile
  std::string output_properties;
};

// The group key for `id`: a key, or the number of one.
absl::StatusOr<std::string> GroupKeyOf(ProfileStore& profiles, std::string_view id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, profiles.GroupKeys());
  for (const std::string& key : keys) {
    if (id == key) return key;
  }
  for (const std::string& key : keys) {
    if (id == StrCat(DataGroupId(key))) return key;
  }
  return std::string(id);
}

absl::StatusOr<Cohort> ParseCohortFilter(const Cohorts& cohorts, std::string_view text) {
  const std::optional<nlohmann::json> filter = ParseJson(text);
  int64_t id = 0;
  // Mixpanel's own client sends the number as text.
  const auto is_id = [&](const nlohmann::json& value) {
    if (value.is_number_integer()) id = value.get<int64_t>();
    return value.is_number_integer() ||
           (value.is_string() && absl::SimpleAtoi(value.get<std::string>(), &id));
  };
  if (!filter || !filter->is_object() || !filter->contains("id") || !is_id((*filter)["id"])) {
    return absl::InvalidArgumentError("filter_by_cohort must be a JSON object such as {\"id\":1}");
  }
  std::optional<Cohort> found = cohorts.Find(id);
  if (!found) return absl::InvalidArgumentError(StrCat("there is no cohort ", id));
  return *std::move(found);
}

absl::StatusOr<EngageQuery> ParseEngageQuery(Context& context, const sdk::Params& params) {
  for (const std::string_view name : {"behaviors", "as_of_timestamp"}) {
    if (!params.Get(name).empty()) {
      return absl::InvalidArgumentError(StrCat("the sandbox does not evaluate ", name));
    }
  }
  EngageQuery query;
  if (const std::string_view group = params.Get("data_group_id"); !group.empty()) {
    query.key.kind = ProfileKind::kGroup;
    ASSIGN_OR_RETURN(query.key.group_key, GroupKeyOf(*context.profiles, group));
  }
  if (params.Has("distinct_ids")) {
    ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                     ParseNames(params.Get("distinct_ids"), "distinct_ids"));
    query.ids.emplace(ids.begin(), ids.end());
  } else if (params.Has("distinct_id")) {
    query.ids.emplace({std::string(params.Get("distinct_id"))});
  }
  if (const std::string_view where = params.Get("where"); !where.empty()) {
    ASSIGN_OR_RETURN(query.where, WhereExpression::Parse(where));
  }
  if (const std::string_view cohort = params.Get("filter_by_cohort"); !cohort.empty()) {
    ASSIGN_OR_RETURN(query.cohort, ParseCohortFilter(context.cohorts, cohort));
    query.include_all_users = params.Flag("include_all_users", true);
  }
  query.output_properties = params.Get("output_properties");
  return query;
}

absl::StatusOr<bool> IsWanted(const EngageQuery& query, std::string_view id,
                              std::string_view properties) {
  if (query.ids && !query.ids->contains(id)) return false;
  if (query.cohort && !query.cohort->where && !query.cohort->distinct_ids.contains(id))
    return false;
  if (query.cohort && query.cohort->where) {
    ASSIGN_OR_RETURN(const bool is_member, ProfileMatches(*query.cohort->where, id, properties));
    if (!is_member) return false;
  }
  return query.where ? ProfileMatches(*query.where, id, properties) : true;
}

absl::StatusOr<std::string> Selected(const EngageQuery& query, std::string_view properties) {
  if (query.output_properties.empty()) return std::string(properties);
  return SelectProperties(properties, query.output_properties);
}

// Adds the members of the cohort that have no profile.
absl::Status AddOthers(const EngageQuery& query, EngageResult* result) {
  if (!query.cohort || !query.include_all_users) return absl::OkStatus();
  std::set<std::string_view> known;
  for (const EngageResult::Profile& profile : result->profiles) known.insert(profile.id);
  std::vector<EngageResult::Profile> others;
  for (const std::string& id : query.cohort->distinct_ids) {
    if (known.contains(id)) continue;
    ASSIGN_OR_RETURN(const bool wanted, IsWanted(query, id, "{}"));
    if (wanted) others.push_back({id, "{}"});
  }
  std::move(others.begin(), others.end(), std::back_inserter(result->profiles));
  std::sort(result->profiles.begin(), result->profiles.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const EngageResult>> Run(ProfileStore& profiles,
                                                        const EngageQuery& query,
                                                        std::string fingerprint) {
  auto result = std::make_shared<EngageResult>();
  result->query = std::move(fingerprint);
  absl::Status failed;
  RETURN_IF_ERROR(profiles.Read(query.key, [&](std::string_view id, std::string_view properties) {
    const absl::StatusOr<bool> wanted = IsWanted(query, id, properties);
    failed = wanted.status();
    if (!wanted.ok() || !*wanted) return failed.ok();
    absl::StatusOr<std::string> selected = Selected(query, properties);
    failed = selected.status();
    if (failed.ok()) result->profiles.push_back({std::string(id), *std::move(selected)});
    return failed.ok();
  }));
  if (!failed.ok()) return failed;
  RETURN_IF_ERROR(AddOthers(query, result.get()));
  return result;
}

std::string Fingerprint(const sdk::Params& params) {
  std::string fingerprint;
  for (const std::string_view name : kResultParameters) {
    StrAppend(&fingerprint, name, "=", params.Get(name), "\n");
  }
  return fingerprint;
}

ServerResponse Page(const EngageResult& result, uint64_t page, size_t page_size,
                    std::string_view session) {
  ServerResponse reply;
  reply.body = StrCat("{\"page\":", page, ",\"page_size\":", page_size, ",\"results\":[");
  const size_t total = result.profiles.size();
  const size_t first = std::min(total, page * page_size);
  const size_t end = std::min(total, first + page_size);
  for (size_t i = first; i < end; ++i) {
    StrAppend(&reply.body, i == first ? "" : ",", "{\"$distinct_id\":");
    AppendJsonString(reply.body, result.profiles[i].id);
    StrAppend(&reply.body, ",\"$properties\":", result.profiles[i].properties, "}");
  }
  reply.body += "],\"session_id\":";
  AppendJsonString(reply.body, session);
  StrAppend(&reply.body, ",\"status\":\"ok\",\"total\":", total, "}");
  return reply;
}

absl::StatusOr<ServerResponse> QueryProfiles(Context& context, const sdk::Params& params) {
  uint64_t page = 0;
  const std::string_view page_text = params.Get("page");
  if (!page_text.empty() &&
      (!absl::SimpleAtoi(ToAbsl(page_text), &page) || page > UINT64_MAX / kMaxEngagePageSize)) {
    return absl::InvalidArgumentError("page must be a number");
  }
  std::string session(params.Get("session_id"));
  if (page > 0 && session.empty()) {
    return absl::InvalidArgumentError("session_id is required for pages after the first");
  }
  const absl::Time now = context.clock.Now();
  std::string fingerprint = Fingerprint(params);
  std::shared_ptr<const EngageResult> result;
  if (page > 0) {
    result = context.sessions.Find(session, fingerprint, now);
    // As Mixpanel words it.
    if (!result) {
      return absl::InvalidArgumentError("request for page in uncached query for params");
    }
  } else {
    ASSIGN_OR_RETURN(const EngageQuery query, ParseEngageQuery(context, params));
    ASSIGN_OR_RETURN(result, Run(*context.profiles, query, std::move(fingerprint)));
    session = context.sessions.Add(result, now);
  }
  return Page(*result, page, context.engage_page_size, session);
}

absl::StatusOr<ServerResponse> ListCohorts(Context& context, std::string_view project_id) {
  ServerResponse reply;
  int64_t project = 0;
  if (!absl::SimpleAtoi(ToAbsl(project_id), &project)) {
    (void)absl::SimpleAtoi(context.project_id, &project);
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Cohort& cohort : context.cohorts.All()) {
    ASSIGN_OR_RETURN(const uint64_t count, CountMembers(cohort, *context.profiles));
    list.push_back({{"count", count},
                    {"is_visible", cohort.is_visible ? 1 : 0},
                    {"description", cohort.description},
                    {"created", cohort.created},
                    {"project_id", project},
                    {"id", cohort.id},
                    {"name", cohort.name}});
  }
  reply.body = list.dump();
  return reply;
}

}  // namespace

ServerResponse HandleEngageQuery(Context& context, const ServerRequest& request) {
  return ServeQuery(context, request, ReadApi::kQuery,
                    [&](const sdk::Params& params, const ReadFaults&) {
                      absl::StatusOr<ServerResponse> reply = QueryProfiles(context, params);
                      return reply.ok() ? *std::move(reply) : QueryError(reply.status());
                    });
}

ServerResponse HandleCohortList(Context& context, const ServerRequest& request) {
  return ServeQuery(
      context, request, ReadApi::kQuery, [&](const sdk::Params& params, const ReadFaults&) {
        absl::StatusOr<ServerResponse> reply = ListCohorts(context, params.Get("project_id"));
        return reply.ok() ? *std::move(reply) : QueryError(reply.status());
      });
}

}  // namespace millrace::sandbox
