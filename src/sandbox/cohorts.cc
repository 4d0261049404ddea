#include "sandbox/cohorts.h"

#include <nlohmann/json.hpp>

#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::json;

std::string TextOr(const Json& object, const char* name, std::string_view otherwise) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string(otherwise);
}

absl::StatusOr<Cohort> ParseCohort(const Json& object) {
  if (!object.is_object() || !object.contains("id") || !object["id"].is_number_integer() ||
      TextOr(object, "name", "").empty()) {
    return absl::InvalidArgumentError("a cohort needs an id, a number, and a name");
  }
  Cohort cohort;
  cohort.id = object["id"].get<int64_t>();
  cohort.name = TextOr(object, "name", "");
  cohort.description = TextOr(object, "description", "");
  cohort.created = TextOr(object, "created", "2023-01-01 00:00:00");
  if (const auto visible = object.find("is_visible"); visible != object.end()) {
    cohort.is_visible = *visible == true || *visible == 1;
  }
  const auto ids = object.find("distinct_ids");
  cohort.where_text = TextOr(object, "where", "");
  if ((ids == object.end()) == cohort.where_text.empty()) {
    return absl::InvalidArgumentError(
        StrCat("cohort ", cohort.id, " needs either distinct_ids or where"));
  }
  if (ids == object.end()) {
    ASSIGN_OR_RETURN(cohort.where, WhereExpression::Parse(cohort.where_text));
    return cohort;
  }
  if (!ids->is_array()) return absl::InvalidArgumentError("distinct_ids must be a list of texts");
  for (const Json& id : *ids) {
    if (!id.is_string()) return absl::InvalidArgumentError("distinct_ids must be a list of texts");
    cohort.distinct_ids.insert(id.get<std::string>());
  }
  return cohort;
}

}  // namespace

absl::StatusOr<bool> ProfileMatches(const WhereExpression& where, std::string_view id,
                                    std::string_view properties) {
  const std::optional<Json> parsed = ParseJson(properties, kMaxEventDepth);
  return where.IsTrue([&](ValuesOf of, std::string_view name) -> Json {
    if (of == ValuesOf::kEvent) return WhereExpression::Undefined();
    if (name == "$distinct_id") return std::string(id);
    if (!parsed || !parsed->is_object()) return WhereExpression::Undefined();
    const auto found = parsed->find(std::string(name));
    return found == parsed->end() ? WhereExpression::Undefined() : *found;
  });
}

absl::Status Cohorts::Set(std::string_view json) {
  const std::optional<Json> list = ParseJson(json);
  if (!list || !list->is_array()) return absl::InvalidArgumentError("expected a list of cohorts");
  std::vector<Cohort> cohorts;
  for (const Json& object : *list) {
    ASSIGN_OR_RETURN(Cohort cohort, ParseCohort(object));
    for (const Cohort& other : cohorts) {
      if (other.id == cohort.id) {
        return absl::InvalidArgumentError(StrCat("two cohorts have the id ", cohort.id));
      }
    }
    cohorts.push_back(std::move(cohort));
  }
  absl::MutexLock lock(&mutex_);
  cohorts_ = std::move(cohorts);
  return absl::OkStatus();
}

std::vector<Cohort> Cohorts::All() const {
  absl::MutexLock lock(&mutex_);
  return cohorts_;
}

std::optional<Cohort> Cohorts::Find(int64_t id) const {
  absl::MutexLock lock(&mutex_);
  for (const Cohort& cohort : cohorts_) {
    if (cohort.id == id) return cohort;
  }
  return std::nullopt;
}

void Cohorts::Clear() {
  absl::MutexLock lock(&mutex_);
  cohorts_.clear();
}

absl::StatusOr<uint64_t> CountMembers(const Cohort& cohort, ProfileStore& profiles) {
  if (!cohort.where) return cohort.distinct_ids.size();
  uint64_t count = 0;
  absl::Status failed;
  RETURN_IF_ERROR(profiles.Read({}, [&](std::string_view id, std::string_view properties) {
    const absl::StatusOr<bool> matches = ProfileMatches(*cohort.where, id, properties);
    failed = matches.status();
    if (matches.ok() && *matches) ++count;
    return failed.ok();
  }));
  if (!failed.ok()) return failed;
  return count;
}

}  // namespace millrace::sandbox
