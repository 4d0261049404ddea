#include "export/jql_export.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/time/civil_time.h"
#include "base/json_parse.h"
#include "base/json_writer.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kWindowParams = {"from", "to", "from_date", "to_date"};
constexpr int kMaxDepth = 256;  // writing JSON recurses

std::string EventRecord(const Json& row) {
  Json properties = row.at("properties");
  for (const char* name : {"time", "distinct_id"}) {
    if (row.contains(name)) properties[name] = row.at(name);
  }
  return Json({{"event", row.at("name")}, {"properties", std::move(properties)}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string UserRecord(const Json& row, int64_t time_millis) {
  return Json({{"$distinct_id", row.at("distinct_id")},
               {"$time", time_millis},
               {"$properties", row.at("properties")}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::Status CheckJqlParams(const std::string& params) {
  const std::optional<nlohmann::json> json = ParseJson(params);
  if (!json || !json->is_object()) {
    return absl::InvalidArgumentError("the params of a script must be a JSON object");
  }
  for (const std::string_view name : kWindowParams) {
    if (!json->contains(name)) continue;
    return absl::InvalidArgumentError(
        StrCat("the params of a script cannot have \"", name, "\", which each window sets"));
  }
  return absl::OkStatus();
}

std::string JqlSelection(const JqlScript& script) {
  std::string text(NameOf(script.type));
  AppendJsonString(text, script.text);
  AppendJsonString(text, script.params);
  return text;
}

std::string JqlParams(const JqlScript& script, const mixpanel::RawExportRequest& request) {
  Json params = Json::parse(script.params);
  params["from"] = request.processed_from_millis;
  params["to"] = request.processed_to_millis;
  params["from_date"] = absl::FormatCivilTime(request.from);
  params["to_date"] = absl::FormatCivilTime(request.to);
  return params.dump();
}

std::string JqlRecord(RecordType type, std::string_view row, int64_t time_millis) {
  const std::optional<Json> json = ParseOrderedJson(row, kMaxDepth);
  if (!json || !json->is_object() || !json->contains("properties") ||
      !json->at("properties").is_object()) {
    return std::string(row);
  }
  const bool is_event = json->contains("name") && !json->contains("event");
  if (type == RecordType::kEvent && is_event) return EventRecord(*json);
  if (type == RecordType::kUser && json->contains("distinct_id")) {
    return UserRecord(*json, time_millis);
  }
  return std::string(row);
}

mixpanel::RawExport JqlExport(JqlRunner run, JqlScript script) {
  return [run = std::move(run), script = std::move(script)](
             const mixpanel::RawExportRequest& request,
             const std::function<absl::Status(std::string_view)>& on_line, std::stop_token stop) {
    return run(
        {.script = script.text, .params = JqlParams(script, request)},
        [&](std::string_view row) {
          return on_line(JqlRecord(script.type, row, request.processed_to_millis));
        },
        std::move(stop));
  };
}

}  // namespace millrace
