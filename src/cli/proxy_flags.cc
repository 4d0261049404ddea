#include "cli/proxy_flags.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/time/time.h"
#include "base/strings.h"

namespace millrace::cli {
namespace {

// What a file of the configuration cannot say, or says in another way.
constexpr std::string_view kNotInConfig[] = {"--config", "--env-file",     "--check", "--json",
                                             "--to",     "--destinations", "--demo"};

constexpr std::string_view kReloadable[] = {"--prefix",        "--alias",         "--origin",
                                            "--trusted-proxy", "--anonymize-ip",  "--accept-token",
                                            "--refuse-token",  "--replace-token", "--log-level"};

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

ProxyFlags::ProxyFlags() {
  // A delivery that gives up says why, and is tried again: a proxy keeps running.
  delivery.retry_timeout = absl::Minutes(1);
}

std::vector<Flag> ProxyFlags::Table() {
  std::vector<Flag> flags = {
      {.name = "--config",
       .target = &config,
       .value = "FILE",
       .doc = "proxy.json, which says what flags say, and lists destinations; flags win",
       .env = "MILLRACE_PROXY_CONFIG"},
      {"--env-file", &env_file, "FILE",
       "file of environment variables (NAME=value), for those that are not set"},
      {"--check", &check, "",
       "read flags, files and variables, print the configuration or all of its problems, and end"},
      {"--listen", &listen, "HOST:PORT",
       "address for SDKs; port 0 picks a free port; 0.0.0.0:8080 is reachable from other machines; "
       "fd:3 is "
       "a socket that listens already, as systemd passes it"},
      {"--admin-listen", &admin_listen, "HOST:PORT",
       "address for the live page, /status, /readyz and /metrics, which should stay private"},
      {.name = "--admin-token",
       .target = &admin_token,
       .value = "TOKEN",
       .doc = "lets who knows it replay dead letters on the live page, and POST /drop (default: "
              "nobody)",
       .env = "MILLRACE_PROXY_ADMIN_TOKEN",
       .secret = true},
      {"--allow-drop", &allow_drop, "",
       "let POST /drop of the admin listener, with the admin token, remove the tables of all "
       "destinations, as millrace destinations drop does"},
      {"--create", &create, "",
       "at the start, create the tables, views and topics that destinations lack, as millrace "
       "destinations create does"},
      {"--spool", &spool, "DIR|none",
       "folder on a local disk that keeps records until every destination has them (default: "
       "spool in the state folder); none, for machines without a disk: a request is answered when "
       "every destination has its records"},
      {"--spool-max", &spool_max, "SIZE",
       "size of the spool, such as 10GB; when it is reached, requests are answered with 503 until "
       "a destination catches up"},
      {"--spool-max-age", AtLeast(&spool_max_age, absl::Minutes(10)), "TIME",
       "drop records that a destination could not get for this long, such as 72h, and count them "
       "as expired; inf: never"},
      {"--from-oldest", &from_oldest, "",
       "a destination that is new gets all records that the spool still has, not only new ones"},
      {"--wait-for-spool", &wait_for_spool, "",
       "wait until another proxy that has the spool ends, instead of failing"},
      {"--tls-cert", &files.tls_cert, "FILE",
       "serve HTTPS with this certificate chain (PEM), which is read again when it changes"},
      {"--tls-key", &files.tls_key, "FILE", "the private key of --tls-cert (PEM)"},
      {"--prefix", &prefixes, "PATH",
       "also serve everything below this path, such as /_mp/api; one that ends in /libs has the "
       "SDK's JavaScript; repeatable"},
      {"--alias", &aliases, "PATH=PATH", "another name of a path, such as /t=/track; repeatable"},
      {"--origin", &origins, "URL",
       "web page that may send records from browsers (default: all); repeatable"},
      {"--trusted-proxy", &trusted_proxies, "CIDR",
       "believe the client's address in headers of these proxies, such as 10.0.0.0/8; repeatable"},
      {"--anonymize-ip", &anonymize_ip, "",
       "store addresses without the last 8 bits (IPv4) or 80 bits (IPv6)"},
      {.name = "--replace-token",
       .target = &token,
       .value = "TOKEN",
       .doc = "give every record this project token instead of its own",
       .env = "MILLRACE_PROXY_TOKEN",
       .secret = true},
      {"--accept-token", &tokens, "TOKEN",
       "accept only records with these project tokens; others become dead letters; repeatable"},
      {"--refuse-token", &refused_tokens, "TOKEN",
       "records with this project token become dead letters; repeatable"},
      {"--token-rules", &files.token_rules, "FILE",
       "more tokens to accept and to refuse, as {\"accept\": [...], \"refuse\": [...]}, read again "
       "when the file changes"},
      {"--upstream", &upstream, "URL|none",
       "where /record, /flags, /settings and /decide are passed on to (default: Mixpanel's API of "
       "--region); none: answer as a project that uses none of them"},
      {"--library-url", &library_url, "URL|none",
       "folder of the JavaScript that /lib.min.js and /libs/ serve"},
      {"--transform", &transform, "FILE",
       "JavaScript that changes or drops each record for every destination that has none of its "
       "own in --config"},
      {"--log-level", &log_level, "LEVEL",
       "the least severity of log lines: debug, info, warning or error"},
      {"--threads", Between(&threads, 1, 64), "N", "threads that serve connections"},
      {"--max-connections", Between(&connections, 1, 1'000'000), "N",
       "open connections; further ones wait"},
      {"--respond", &respond, "sdk|results",
       "how /track, /engage and /groups are answered: as SDKs expect, or, with --spool none, by "
       "[{\"name\": DEST, \"result\": {\"status\": \"success\"}}, ...]"},
      {"--demo", &demo, "",
       "start a sandbox and a lake as destinations, and show a page that sends records; all of it "
       "is removed at the end"},
      {"--json", &json, "",
       "print {\"url\": ..., \"admin_url\": ...} once connections are accepted"},
  };
  destination.AddTo(flags);
  state.AddTo(flags);
  delivery.AddTo(flags);
  dead_letter.AddTo(flags);
  return flags;
}

std::string ConfigKeyOf(const Flag& flag) {
  if (Has(kNotInConfig, flag.name) || (flag.secret && flag.env.empty())) return "";
  std::string key = flag.name.substr(2);
  std::replace(key.begin(), key.end(), '-', '_');
  return flag.secret ? StrCat(key, "_variable") : key;
}

bool IsReloadable(const Flag& flag) { return Has(kReloadable, flag.name); }

}  // namespace millrace::cli
