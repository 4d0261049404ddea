#include "sandbox/event_values.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/json_parse.h"
#include "sandbox/limits.h"
#include "sandbox/server_properties.h"

namespace millrace::sandbox {

using Json = nlohmann::json;

EventValues::EventValues(const StoredEvent& event, const ProjectTime& project)
    : event_(event), exported_ms_(project.ExportedMs(event.time_ms)) {}
EventValues::~EventValues() = default;

const Json& EventValues::Own() {
  if (!own_) {
    own_ = std::make_unique<Json>(Json::object());
    std::optional<Json> parsed = ParseJson(event_.json, kMaxEventDepth);
    if (parsed && parsed->contains("properties")) *own_ = std::move((*parsed)["properties"]);
  }
  return *own_;
}

Json EventValues::Added(std::string_view name) const {
  Json found = WhereExpression::Undefined();
  ForEachServerProperty(event_, [&](std::string_view added, const ServerProperty& value) {
    if (added != name) return;
    if (const auto* number = std::get_if<int64_t>(&value)) found = *number;
    if (const auto* truth = std::get_if<bool>(&value)) found = *truth;
    if (const auto* text = std::get_if<std::string_view>(&value)) found = *text;
  });
  return found;
}

Json EventValues::Get(ValuesOf of, std::string_view name) {
  if (of == ValuesOf::kUser) return WhereExpression::Undefined();
  if (of == ValuesOf::kEvent && name == "$event") return std::string(event_.name);
  const bool is_time = name == (of == ValuesOf::kEvent ? "$time" : "time");
  if (is_time) return ToExportedSeconds(exported_ms_);
  if (of == ValuesOf::kEvent) return WhereExpression::Undefined();
  Json added = Added(name);
  if (!added.is_discarded()) return added;
  const auto found = Own().find(std::string(name));
  return found == Own().end() ? WhereExpression::Undefined() : *found;
}

Json EventValues::Properties() {
  Json properties = Own();
  properties["time"] = ToExportedSeconds(exported_ms_);
  ForEachServerProperty(event_, [&](std::string_view name, const ServerProperty&) {
    properties[std::string(name)] = Added(name);
  });
  return properties;
}

}  // namespace millrace::sandbox
