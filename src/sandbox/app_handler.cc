#include "sandbox/app_handler.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/json_parse.h"
#include "base/status.h"
#include "base/strings.h"
#include "sdk/body_decoder.h"

namespace millrace::sandbox {
namespace {

using Json = nlohmann::ordered_json;

ServerResponse JsonResponse(int status, const Json& json) {
  ServerResponse reply;
  reply.status = status;
  reply.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

ServerResponse Ok(Json results, int status = 200) {
  return JsonResponse(status, {{"status", "ok"}, {"results", std::move(results)}});
}

ServerResponse Error(int status, std::string_view error) {
  return JsonResponse(status, {{"error", std::string(error)}, {"status", "error"}});
}

ServerResponse Error(const absl::Status& status) {
  return Error(absl::IsNotFound(status) ? 404 : 400, ToStd(status.message()));
}

Json User() { return {{"id", 1}, {"first_name", "Sandbox"}, {"last_name", "User"}}; }

Json ProjectNumber(const std::string& id) {
  int64_t number = 0;
  return absl::SimpleAtoi(id, &number) ? Json(number) : Json(id);
}

Json Me(const Context& context) {
  Json projects = Json::object();
  projects[context.project_id] = {{"name", "Sandbox"},
                                  {"organization_id", 1},
                                  {"timezone", context.project.zone_name()},
                                  {"has_workspaces", false},
                                  {"domain", "mixpanel.com"},
                                  {"type", "PROJECT"}};
  Json organizations = Json::object();
  organizations["1"] = {{"id", 1}, {"name", "Sandbox"}, {"role", "owner"}};
  return {{"user_id", 1},
          {"user_email", "sandbox@example.com"},
          {"user_name", "Sandbox User"},
          {"organizations", std::move(organizations)},
          {"projects", std::move(projects)},
          {"workspaces", Json::object()}};
}

class AnnotationRequests {
 public:
  AnnotationRequests(Annotations& annotations, std::string project_id)
      : annotations_(annotations), project_id_(std::move(project_id)) {}

  // `rest`: what follows "annotations".
  ServerResponse Handle(const std::vector<std::string>& rest, const ServerRequest& request) {
    if (rest.empty()) return All(request);
    if (rest.size() > 1) return Error(404, "not found");
    if (rest[0] == "tags") return Tags(request);
    int64_t id = 0;
    if (!absl::SimpleAtoi(rest[0], &id)) return Error(404, "not found");
    return One(id, request);
  }

 private:
  Json Show(const Annotation& annotation) const {
    Json tags = Json::array();
    for (const AnnotationTag& tag : annotations_.Tags(project_id_)) {
      for (const int64_t id : annotation.tags) {
        if (id == tag.id) tags.push_back({{"id", tag.id}, {"name", tag.name}});
      }
    }
    return {{"id", annotation.id},     {"project_id", ProjectNumber(project_id_)},
            {"date", annotation.date}, {"description", annotation.description},
            {"user", User()},          {"tags", std::move(tags)}};
  }

  ServerResponse Respond(const absl::StatusOr<Annotation>& annotation, int status = 200) const {
    return annotation.ok() ? Ok(Show(*annotation), status) : Error(annotation.status());
  }

  static absl::StatusOr<AnnotationChange> ParseChange(std::string_view body) {
    const std::optional<nlohmann::json> json = ParseJson(body);
    const auto wrong = absl::InvalidArgumentError(
        "expected a JSON object with date, description and tags, a list of ids");
    if (!json || !json->is_object()) return wrong;
    AnnotationChange change;
    for (const auto& [name, value] : json->items()) {
      if ((name == "date" || name == "description") && !value.is_string()) return wrong;
      if (name == "date") change.date = value.get<std::string>();
      if (name == "description") change.description = value.get<std::string>();
      if (name != "tags" || value.is_null()) continue;
      if (!value.is_array()) return wrong;
      change.tags.emplace();
      for (const auto& tag : value) {
        if (!tag.is_number_integer()) return wrong;
        change.tags->push_back(tag.get<int64_t>());
      }
    }
    return change;
  }

  ServerResponse All(const ServerRequest& request) {
    if (request.method == "POST") {
      const absl::StatusOr<AnnotationChange> given = ParseChange(request.body);
      if (!given.ok()) return Error(given.status());
      return Respond(annotations_.Create(project_id_, *given), 201);
    }
    if (request.method != "GET") return Error(405, "use GET or POST");
    sdk::Params params;
    params.AddForm(request.query);
    Json list = Json::array();
    for (const Annotation& annotation :
         annotations_.List(project_id_, params.Get("fromDate").substr(0, 10),
                           params.Get("toDate").substr(0, 10))) {
      list.push_back(Show(annotation));
    }
    return Ok(std::move(list));
  }

  ServerResponse One(int64_t id, const ServerRequest& request) {
    if (request.method == "GET") return Respond(annotations_.Get(project_id_, id));
    if (request.method == "DELETE") {
      const absl::Status deleted = annotations_.Delete(project_id_, id);
      return deleted.ok() ? Ok({{"id", id}}) : Error(deleted);
    }
    if (request.method != "PATCH") return Error(405, "use GET, PATCH or DELETE");
    absl::StatusOr<AnnotationChange> change = ParseChange(request.body);
    if (!change.ok()) return Error(change.status());
    change->date.reset();  // a PATCH cannot move it
    return Respond(annotations_.Update(project_id_, id, *change));
  }

  ServerResponse Tags(const ServerRequest& request) {
    if (request.method == "POST") {
      const std::optional<nlohmann::json> json = ParseJson(request.body);
      if (!json || !json->is_object() || !json->contains("name") || !(*json)["name"].is_string()) {
        return Error(400, "expected a JSON object with a name");
      }
      return JsonResponse(
          200, ShowTag(annotations_.CreateTag(project_id_, (*json)["name"].get<std::string>())));
    }
    if (request.method != "GET") return Error(405, "use GET or POST");
    Json list = Json::array();
    for (const AnnotationTag& tag : annotations_.Tags(project_id_)) list.push_back(ShowTag(tag));
    return JsonResponse(200, list);
  }

  Json ShowTag(const AnnotationTag& tag) const {
    bool is_used = false;
    for (const Annotation& annotation : annotations_.List(project_id_, "", "")) {
      for (const int64_t id : annotation.tags) is_used = is_used || id == tag.id;
    }
    return {{"id", tag.id},
            {"name", tag.name},
            {"project_id", ProjectNumber(project_id_)},
            {"has_annotations", is_used}};
  }

  Annotations& annotations_;
  const std::string project_id_;
};

}  // namespace

ServerResponse HandleApp(Context& context, std::string_view path, const ServerRequest& request) {
  path.remove_prefix(std::string_view("/api/app/").size());
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(path), '/');
  const bool is_project = parts.size() >= 3 && parts[0] == "projects" && parts[2] == "annotations";
  const std::string& project_id = is_project ? parts[1] : context.project_id;
  if (!IsAuthorized(context.access, request.header("authorization"), project_id, "")) {
    return Error(401, "Invalid credentials");
  }
  if (parts.size() == 1 && parts[0] == "me") {
    return request.method == "GET" ? Ok(Me(context)) : Error(405, "use GET");
  }
  if (!is_project) return Error(404, "not found");
  return AnnotationRequests(context.annotations, project_id)
      .Handle({parts.begin() + 3, parts.end()}, request);
}

}  // namespace millrace::sandbox
