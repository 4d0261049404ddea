// Everything that a proxy is started with, of flags, proxy.json and environment variables.
#ifndef MILLRACE_CLI_PROXY_SETUP_H_
#define MILLRACE_CLI_PROXY_SETUP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/proxy_files.h"
#include "cli/proxy_flags.h"
#include "pipeline/destination.h"
#include "proxy/proxy.h"
#include "proxy_config/proxy_config.h"

namespace millrace::cli {

struct ProxySetup {
  ProxyFlags flags;  // as files and variables complete them
  // The same as a proxy.json: what differs from the defaults, and the destinations.
  proxy_config::ProxyConfig config;
  std::vector<std::string> warnings;
  Environment environment;  // with the variables of --env-file

  proxy::ProxyOptions options;  // without the folder of the spool, if that is in the state folder
  proxy::TokenRules tokens;     // without those of files
  std::vector<std::unique_ptr<Destination>> destinations;
  std::vector<proxy::ProxyDestination> followers;  // the same
};

// Reads all files and connects to nothing. In the order of precedence: flags, their environment
// variables, proxy.json, variables of mixpanel-dwh-proxy, defaults. InvalidArgument says all that
// is wrong, each with its flag, file and key, or variable.
absl::StatusOr<ProxySetup> ReadProxySetup(const ProxyFlags& flags, const Context& context);

// The names of what differs between two setups, and cannot change while a proxy runs.
std::vector<std::string> NeedsRestart(ProxySetup& before, ProxySetup& after);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROXY_SETUP_H_
