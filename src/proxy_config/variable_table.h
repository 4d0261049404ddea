// The environment variables of mixpanel-dwh-proxy.
#ifndef MILLRACE_PROXY_CONFIG_VARIABLE_TABLE_H_
#define MILLRACE_PROXY_CONFIG_VARIABLE_TABLE_H_

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/config_reader.h"
#include "base/environment.h"

namespace millrace::proxy_config {

struct Variable {
  std::string_view name;         // found in any letter case
  std::string_view destination;  // "s3", as in DESTINATIONS; empty: of the server itself
  bool is_required = false;      // if that destination is in DESTINATIONS
  // Why it has no effect here; empty: it has one.
  std::string_view no_effect = {};
};

absl::Span<const Variable> AllVariables();

// The names that DESTINATIONS may have: "mixpanel", "s3".
absl::Span<const std::string_view> DestinationKinds();

// Adds a problem for each required variable of `destination` that is not set.
void CheckRequired(std::string_view destination, const Environment& environment,
                   ConfigProblems& problems);

// Adds a problem for each of `names`, those of all variables that are set, that is nearly one of
// the server itself or of `destinations`: one letter is wrong, or two of a long name. Names that
// begin with '_' are passed over: so people turn variables off.
void CheckSpelling(const std::vector<std::string>& names,
                   const std::set<std::string, std::less<>>& destinations,
                   ConfigProblems& problems);

// The same for DESTINATIONS alone.
void CheckSpellingOfDestinations(const std::vector<std::string>& names, ConfigProblems& problems);

}  // namespace millrace::proxy_config

#endif  // MILLRACE_PROXY_CONFIG_VARIABLE_TABLE_H_
