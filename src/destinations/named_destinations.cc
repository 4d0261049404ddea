#include "destinations/named_destinations.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "destinations/open_destination.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

bool IsVariableName(std::string_view name) {
  return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

// The text of an option in a query; nullopt for values that an option cannot have.
std::optional<std::string> OptionText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return value.dump();
  if (!value.is_array()) return std::nullopt;
  std::string list;
  for (const Json& item : value) {
    // Lists are separated by ','.
    if (!item.is_string() || item.get_ref<const std::string&>().find(',') != std::string::npos) {
      return std::nullopt;
    }
    StrAppend(&list, list.empty() ? "" : ",", item.get<std::string>());
  }
  return list;
}

}  // namespace

bool IsDestinationName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Environment RenameVariables(Environment environment, VariableNames names) {
  if (names.empty()) return environment;
  return [environment = std::move(environment),
          names = std::move(names)](std::string_view name) -> std::optional<std::string> {
    const auto found = names.find(name);
    if (found == names.end()) return environment(name);
    return found->second ? environment(*found->second) : std::nullopt;
  };
}

absl::Status CheckVariables(const VariableNames& names, const Environment& environment) {
  std::string missing;
  for (const auto& [name, source] : names) {
    if (!source || environment(*source)) continue;
    StrAppend(&missing, missing.empty() ? "" : ", ", name);
  }
  if (missing.empty()) return absl::OkStatus();
  // What is named may be a secret in the wrong place, and is not repeated.
  return absl::InvalidArgumentError(
      StrCat("environment: variables that are not set are named for: ", missing,
             "; set them, or remove these keys"));
}

VariableNames ParseVariableNames(ConfigObject& object, std::string_view key) {
  VariableNames names;
  const Json* const value = object.Member(key);
  if (value == nullptr) return names;
  if (!value->is_object()) {
    object.Problem(key,
                   "must be an object of names of variables, such as {\"AWS_REGION\": "
                   "\"LAKE_REGION\"}");
    return names;
  }
  for (const auto& [name, source] : value->items()) {
    const bool is_name = source.is_string() && IsVariableName(source.get_ref<const std::string&>());
    if (IsVariableName(name) && (is_name || source.is_null())) {
      names[name] = is_name ? std::optional(source.get<std::string>()) : std::nullopt;
      continue;
    }
    object.Problem(StrCat(key, ": \"", Shorten(name, 64), "\""),
                   "write the name of a variable, which has the value, or null; never the value "
                   "itself");
  }
  return names;
}

NamedDestination ParseNamedDestination(const Json& value, const std::string& where,
                                       ConfigProblems& problems) {
  NamedDestination destination;
  if (value.is_string()) {
    destination.uri = value.get<std::string>();
    return destination;
  }
  ConfigObject reader(value, where, problems);
  std::optional<std::string> uri = reader.Text("uri");
  destination.environment = ParseVariableNames(reader, "environment");
  if (!uri) {
    if (value.is_object() && !reader.Has("uri")) {
      reader.Problem("uri", "is missing; write a destination such as \"postgres://host/database\"");
    }
    return destination;
  }
  for (const auto& [key, option] : value.items()) {
    if (key == "uri" || key == "environment") continue;
    const std::optional<std::string> text = OptionText(option);
    if (!text) {
      reader.Problem(key, "must be a text, an integer, true, false or a list of texts without ','");
      continue;
    }
    StrAppend(&*uri, uri->find('?') == std::string::npos ? "?" : "&", UrlEncode(key), "=",
              UrlEncode(*text));
  }
  destination.uri = *std::move(uri);
  return destination;
}

absl::StatusOr<NamedDestinations> NamedDestinations::Parse(std::string_view json,
                                                           const std::string& path) {
  ASSIGN_OR_RETURN(const Json parsed, ParseConfigText(json, path));
  ConfigProblems problems;
  NamedDestinations named;
  if (!parsed.is_object()) {
    problems.Add("",
                 "must be an object of names and destinations: {\"warehouse\": {\"uri\": "
                 "\"postgres://host/database\", \"table\": \"events\"}}");
    return problems.ToStatus(path);
  }
  for (const auto& [name, value] : parsed.items()) {
    const std::string where = StrCat("\"", Shorten(name, 64), "\"");
    if (name == "$schema") continue;
    if (!IsDestinationName(name)) {
      problems.Add(where, "a name has 1 to 64 of a-z, 0-9, '-' and '_'");
    } else if (IsDestinationScheme(name)) {
      problems.Add(where, "is the beginning of a URI already; choose another name");
    } else {
      named.destinations_[name] = ParseNamedDestination(value, where, problems);
    }
  }
  RETURN_IF_ERROR(problems.ToStatus(path));
  return named;
}

absl::StatusOr<NamedDestinations> NamedDestinations::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path));
  return Parse(text, path);
}

const NamedDestination* NamedDestinations::Find(std::string_view name) const {
  const auto found = destinations_.find(name);
  return found == destinations_.end() ? nullptr : &found->second;
}

}  // namespace millrace
