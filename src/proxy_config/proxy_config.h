// What proxy.json says. Its schema is schemas/proxy.schema.json, its documentation
// docs/proxy-json.md. Environment variables of mixpanel-dwh-proxy become the same (variables.h).
#ifndef MILLRACE_PROXY_CONFIG_PROXY_CONFIG_H_
#define MILLRACE_PROXY_CONFIG_PROXY_CONFIG_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config_reader.h"
#include "destinations/named_destinations.h"

namespace millrace::proxy_config {

// What a flag says, too.
struct Setting {
  std::vector<std::string> values;  // one, unless it is a list
  bool is_list = false;
  bool is_text = true;  // false: a number, true or false
  std::string origin;   // for messages: "proxy.json: spool_max", "PORT"
};

struct ConfiguredDestination {
  std::string name;
  NamedDestination target;
  std::string transform;  // a file of JavaScript; empty: that of all destinations
  std::string origin;     // for messages
};

struct ProxyConfig {
  // By key: "spool_max" of --spool-max. Which flags there are, and what they take, is not known
  // here.
  std::map<std::string, Setting, std::less<>> settings;
  std::vector<ConfiguredDestination> destinations;  // empty: those of --to
  VariableNames dlq_environment;                    // of the topics for dead letters

  // Adds a setting: a text, true, or a list of texts.
  void Set(std::string_view key, std::string value, std::string_view origin);
  void SetTrue(std::string_view key, std::string_view origin);
  void SetList(std::string_view key, std::vector<std::string> values, std::string_view origin);
  // Adds the settings and destinations that `other` has and this one has not.
  void FillFrom(ProxyConfig other);
};

// Parses the text of proxy.json. What is wrong is added to `problems`, with `path`.
ProxyConfig ParseProxyConfig(std::string_view text, const std::string& path,
                             ConfigProblems& problems);

// A proxy.json that says the same, indented. It has no secrets: passwords in URIs are masked.
std::string ToJson(const ProxyConfig& config);

}  // namespace millrace::proxy_config

#endif  // MILLRACE_PROXY_CONFIG_PROXY_CONFIG_H_
