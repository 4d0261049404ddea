// The file of --destinations: names for destinations, with their options. Its schema is
// schemas/destinations.schema.json, its documentation docs/destinations.md.
#ifndef MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_
#define MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace {

class NamedDestinations {
 public:
  // Parses the text of the file; `path` names it in errors. InvalidArgument names the destination,
  // the member, and what to write instead, for all problems at once.
  static absl::StatusOr<NamedDestinations> Parse(std::string_view json, const std::string& path);
  static absl::StatusOr<NamedDestinations> Load(const std::string& path);

  // The URI of `name`, with its options as a query; nullopt if the file has no such name.
  std::optional<std::string> UriOf(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> uris_;
};

}  // namespace millrace

#endif  // MILLRACE_DESTINATIONS_NAMED_DESTINATIONS_H_
