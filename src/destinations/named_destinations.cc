#include "destinations/named_destinations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/config_reader.h"
#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "destinations/open_destination.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::json;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
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

// The URI of a destination that is an object: its "uri" and the other members as options.
std::string UriOfObject(const Json& object, const std::string& name, ConfigProblems& problems) {
  ConfigObject reader(object, StrCat("\"", name, "\""), problems);
  std::optional<std::string> uri = reader.Text("uri");
  if (!uri) {
    if (object.is_object() && !reader.Has("uri")) {
      reader.Problem("uri", "is missing; write a destination such as \"postgres://host/database\"");
    }
    return "";
  }
  for (const auto& [key, value] : object.items()) {
    if (key == "uri") continue;
    const std::optional<std::string> option = OptionText(value);
    if (!option) {
      reader.Problem(key, "must be a text, an integer, true, false or a list of texts without ','");
      continue;
    }
    StrAppend(&*uri, uri->find('?') == std::string::npos ? "?" : "&", UrlEncode(key), "=",
              UrlEncode(*option));
  }
  return *std::move(uri);
}

}  // namespace

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
    if (!IsName(name)) {
      problems.Add(where, "a name has 1 to 64 of a-z, 0-9, '-' and '_'");
    } else if (IsDestinationScheme(name)) {
      problems.Add(where, "is the beginning of a URI already; choose another name");
    } else if (value.is_string()) {
      named.uris_[name] = value.get<std::string>();
    } else {
      named.uris_[name] = UriOfObject(value, name, problems);
    }
  }
  RETURN_IF_ERROR(problems.ToStatus(path));
  return named;
}

absl::StatusOr<NamedDestinations> NamedDestinations::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path));
  return Parse(text, path);
}

std::optional<std::string> NamedDestinations::UriOf(std::string_view name) const {
  const auto found = uris_.find(name);
  return found == uris_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace millrace
