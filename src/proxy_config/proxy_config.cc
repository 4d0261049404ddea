#include "proxy_config/proxy_config.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::proxy_config {
namespace {

using Json = nlohmann::json;

// The text of a flag's value; nullopt for what no flag takes.
std::optional<std::string> FlagText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return value.dump();
  return std::nullopt;
}

std::optional<Setting> ParseSetting(const Json& value) {
  Setting setting{.is_list = value.is_array(), .is_text = value.is_string() || value.is_array()};
  if (!setting.is_list) {
    std::optional<std::string> text = FlagText(value);
    if (!text) return std::nullopt;
    setting.values.push_back(*std::move(text));
    return setting;
  }
  for (const Json& item : value) {
    if (!item.is_string()) return std::nullopt;
    setting.values.push_back(item.get<std::string>());
  }
  return setting;
}

ConfiguredDestination ParseDestination(const std::string& name, Json value,
                                       const std::string& where, ConfigProblems& problems) {
  ConfiguredDestination destination{.name = name, .origin = where};
  if (value.is_object()) {
    ConfigObject object(value, where, problems);
    if (std::optional<std::string> transform = object.Text("transform")) {
      if (transform->empty()) object.Problem("transform", "must be the path of a JavaScript file");
      destination.transform = *std::move(transform);
    }
    value.erase("transform");
  }
  destination.target = ParseNamedDestination(value, where, problems);
  return destination;
}

void ParseDestinations(const Json& object, const std::string& path, ProxyConfig& config,
                       ConfigProblems& problems) {
  const std::string where = StrCat(path, ": destinations");
  if (!object.is_object() || object.empty()) {
    problems.Add(where,
                 "must be an object of names and destinations, such as {\"warehouse\": "
                 "{\"uri\": \"postgres://host/database\"}}");
    return;
  }
  for (const auto& [name, value] : object.items()) {
    const std::string place = StrCat(where, ": \"", Shorten(name, 64), "\"");
    if (!IsDestinationName(name))
      problems.Add(place, "a name has 1 to 64 of a-z, 0-9, '-' and '_'");
    config.destinations.push_back(ParseDestination(name, value, place, problems));
  }
}

Json NamesAsJson(const VariableNames& names) {
  Json object = Json::object();
  for (const auto& [name, source] : names) {
    object[name] = source ? Json(*source) : Json(nullptr);
  }
  return object;
}

}  // namespace

void ProxyConfig::Set(std::string_view key, std::string value, std::string_view origin) {
  settings[std::string(key)] = {.values = {std::move(value)}, .origin = std::string(origin)};
}

void ProxyConfig::SetTrue(std::string_view key, std::string_view origin) {
  settings[std::string(key)] = {
      .values = {"true"}, .is_text = false, .origin = std::string(origin)};
}

void ProxyConfig::SetList(std::string_view key, std::vector<std::string> values,
                          std::string_view origin) {
  settings[std::string(key)] = {
      .values = std::move(values), .is_list = true, .origin = std::string(origin)};
}

void ProxyConfig::FillFrom(ProxyConfig other) {
  settings.merge(std::move(other.settings));
  if (destinations.empty()) destinations = std::move(other.destinations);
  dlq_environment.merge(std::move(other.dlq_environment));
}

ProxyConfig ParseProxyConfig(std::string_view text, const std::string& path,
                             ConfigProblems& problems) {
  ProxyConfig config;
  const absl::StatusOr<Json> json = ParseConfigText(text, path);
  if (!json.ok()) {
    problems.Add("", ToStd(json.status().message()));
    return config;
  }
  ConfigObject object(*json, path, problems);
  if (!json->is_object()) return config;
  config.dlq_environment = ParseVariableNames(object, "dlq_environment");
  for (const auto& [key, value] : json->items()) {
    if (key == "$schema" || key == "dlq_environment") continue;
    if (key == "destinations") {
      ParseDestinations(value, path, config, problems);
      continue;
    }
    std::optional<Setting> setting = ParseSetting(value);
    if (!setting) {
      object.Problem(Shorten(key, 64), "must be a text, a number, true, false or a list of texts");
      continue;
    }
    setting->origin = StrCat(path, ": ", key);
    config.settings[key] = *std::move(setting);
  }
  return config;
}

std::string ToJson(const ProxyConfig& config) {
  Json json = Json::object();
  for (const auto& [key, setting] : config.settings) {
    if (setting.is_list) {
      json[key] = setting.values;
    } else {
      const std::string& value = setting.values.front();
      json[key] = setting.is_text ? Json(RedactSecrets(value))
                                  : Json::parse(value, nullptr, /*allow_exceptions=*/false);
    }
  }
  for (const ConfiguredDestination& one : config.destinations) {
    Json destination = {{"uri", RedactSecrets(one.target.uri)}};
    if (!one.transform.empty()) destination["transform"] = one.transform;
    if (!one.target.environment.empty()) {
      destination["environment"] = NamesAsJson(one.target.environment);
    }
    json["destinations"][one.name] = std::move(destination);
  }
  if (!config.dlq_environment.empty()) {
    json["dlq_environment"] = NamesAsJson(config.dlq_environment);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millrace::proxy_config
