#include "destinations/named_destinations.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/percent_encoding.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/uri_query.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxFileBytes = 1 << 20;

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
    if (!item.is_string()) return std::nullopt;
    StrAppend(&list, list.empty() ? "" : ",", item.get<std::string>());
  }
  return list;
}

// The URI of a destination that is an object: its "uri" and the other members as options.
std::string UriOfObject(const Json& object, const std::string& where,
                        std::vector<std::string>& problems) {
  const auto uri = object.find("uri");
  if (uri == object.end() || !uri->is_string()) {
    problems.push_back(StrCat(where, " needs \"uri\", such as \"postgres://host/database\""));
    return "";
  }
  std::string text = uri->get<std::string>();
  for (const auto& [name, value] : object.items()) {
    if (name == "uri") continue;
    const std::optional<std::string> option = OptionText(value);
    if (!option) {
      problems.push_back(
          StrCat(where, ".", name, " must be a text, a number, true, false or a list of texts"));
      continue;
    }
    StrAppend(&text, text.find('?') == std::string::npos ? "?" : "&", UrlEncode(name), "=",
              UrlEncode(*option));
  }
  return text;
}

}  // namespace

absl::StatusOr<NamedDestinations> NamedDestinations::Parse(std::string_view json,
                                                           const std::string& path) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return absl::InvalidArgumentError(
        StrCat(path,
               ": not a JSON object of names and destinations: {\"warehouse\": {\"uri\": "
               "\"postgres://host/database\", \"table\": \"events\"}}"));
  }
  NamedDestinations named;
  std::vector<std::string> problems;
  for (const auto& [name, value] : root.items()) {
    if (name == "$schema") continue;
    const std::string where = StrCat("\"", name, "\"");
    if (!IsName(name)) {
      problems.push_back(StrCat(where, ": a name has 1 to 64 of a-z, 0-9, '-' and '_'"));
    } else if (name == "mixpanel") {
      problems.push_back(StrCat(where, " is a destination already; choose another name"));
    } else if (value.is_string()) {
      named.uris_[name] = value.get<std::string>();
    } else if (value.is_object()) {
      named.uris_[name] = UriOfObject(value, where, problems);
    } else {
      problems.push_back(StrCat(where, " must be a URI or an object with a \"uri\""));
    }
  }
  if (problems.empty()) return named;
  std::string message = StrCat(path, ":");
  for (const std::string& problem : problems) StrAppend(&message, "\n  ", problem);
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<NamedDestinations> NamedDestinations::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxFileBytes));
  return Parse(text, path);
}

std::optional<std::string> NamedDestinations::UriOf(std::string_view name) const {
  const auto found = uris_.find(name);
  return found == uris_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace millrace
