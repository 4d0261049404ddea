// The file of --destinations: names for destinations, with their options. Its schema is
// schemas/destinations.schema.json, its documentation docs/destinations.md.
#ifndef MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_
#define MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/config_reader.h"
#include "base/environment.h"

namespace millrace {

// Environment variables that one destination sees in its own way: "AWS_ACCESS_KEY_ID" -> the name
// of the variable that has its value, or nullopt: it is not set. So several destinations of one
// kind have credentials of their own, and no secret stands in a file.
using VariableNames = std::map<std::string, std::optional<std::string>, std::less<>>;

// `environment` as `names` change it.
Environment RenameVariables(Environment environment, VariableNames names);

// InvalidArgument names the variables of `names` that are not set.
absl::Status CheckVariables(const VariableNames& names, const Environment& environment);

struct NamedDestination {
  std::string uri;  // with its options as a query
  VariableNames environment;
};

// One value of the file: a URI, or {"uri": ..., "environment": {...}, options}. What is wrong is
// added to `problems`, with `where`.
NamedDestination ParseNamedDestination(const nlohmann::json& value, const std::string& where,
                                       ConfigProblems& problems);

// The object {"AWS_ACCESS_KEY_ID": "OTHER_NAME", "AWS_PROFILE": null} of the member `key`.
VariableNames ParseVariableNames(ConfigObject& object, std::string_view key);

// 1 to 64 of a-z, 0-9, '-' and '_'.
bool IsDestinationName(std::string_view name);

class NamedDestinations {
 public:
  // Parses the text of the file; `path` names it in errors. InvalidArgument names the destination,
  // the member, and what to write instead, for all problems at once.
  static absl::StatusOr<NamedDestinations> Parse(std::string_view json, const std::string& path);
  static absl::StatusOr<NamedDestinations> Load(const std::string& path);

  // Null if the file has no such name.
  const NamedDestination* Find(std::string_view name) const;

 private:
  std::map<std::string, NamedDestination, std::less<>> destinations_;
};

}  // namespace millrace

#endif  // MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_
