// From the environment variables of mixpanel-dwh-proxy to a ProxyConfig, so that its users only
// change the program (docs/from-mixpanel-dwh-proxy.md).
#ifndef MILLRACE_PROXY_CONFIG_VARIABLES_H_
#define MILLRACE_PROXY_CONFIG_VARIABLES_H_

#include <string>
#include <vector>

#include "base/config_reader.h"
#include "base/environment.h"
#include "proxy_config/proxy_config.h"

namespace millrace::proxy_config {

struct FromVariables {
  ProxyConfig config;
  std::vector<std::string> warnings;  // sentences that name the variable
};

// PORT, RUNTIME and FUNCTIONS_CUSTOMHANDLER_PORT, which platforms set: with one of them the proxy
// listens on all addresses. `needs_port`: false if flags or a file say where to listen.
FromVariables ListenerOf(const Environment& environment, bool needs_port, ConfigProblems& problems);

// Whether DESTINATIONS is set, and the variables below have a meaning at all.
bool HasDestinations(const Environment& environment);

// All others. `names` are those of all variables that are set, to find misspelled ones.
// `needs_destinations`: false if flags name the destinations, whose variables are then not read.
// What is missing or wrong is added to `problems`, each with the variable's name and without its
// value, if that may be a secret.
FromVariables ConfigOf(const Environment& environment, const std::vector<std::string>& names,
                       bool needs_destinations, ConfigProblems& problems);

}  // namespace millrace::proxy_config

#endif  // MILLRACE_PROXY_CONFIG_VARIABLES_H_
