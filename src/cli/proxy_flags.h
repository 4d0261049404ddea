// The flags of proxy. A proxy.json says the same: the key of --spool-max is "spool_max".
#ifndef MILLRACE_CLI_PROXY_FLAGS_H_
#define MILLRACE_CLI_PROXY_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/dead_letter_flags.h"
#include "cli/delivery_flags.h"
#include "cli/proxy_files.h"
#include "cli/shared_flags.h"

namespace millrace::cli {

struct ProxyFlags {
  std::string config;
  std::string env_file;
  bool check = false;
  std::string listen = "127.0.0.1:8080";
  std::string admin_listen = "127.0.0.1:0";
  std::string spool;
  std::string spool_max = "10GB";
  absl::Duration spool_max_age = absl::InfiniteDuration();
  bool from_oldest = false;
  bool wait_for_spool = false;
  ProxyFiles::Paths files;
  std::vector<std::string> prefixes, aliases, origins, trusted_proxies, tokens, refused_tokens;
  bool anonymize_ip = false;
  std::string token;
  std::string upstream;
  std::string library_url = "https://cdn.mxpnl.com/libs";
  std::string transform;
  std::string admin_token;
  bool allow_drop = false;
  bool create = false;
  std::string log_level = "info";
  int64_t threads = 2;
  int64_t connections = 10'000;
  std::string respond = "sdk";
  DestinationFlags destination;
  StateFlags state;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  bool demo = false;
  bool json = false;

  ProxyFlags();
  // Records wait in memory for their destinations.
  bool has_spool() const { return spool != "none"; }
  // The flags, whose targets are the members of this object.
  std::vector<Flag> Table();
};

// The key of the flag in proxy.json; "" if it cannot be there. A secret's key names the variable
// that holds it: "replace_token_variable".
std::string ConfigKeyOf(const Flag& flag);

// Whether a proxy that runs can take another value of the flag.
bool IsReloadable(const Flag& flag);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PROXY_FLAGS_H_
