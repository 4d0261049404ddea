// Objects that were sent under a config that has changed since: they are sent again only with
// --force.
#ifndef MILLRACE_OBJECTS_CONFIG_CHANGE_H_
#define MILLRACE_OBJECTS_CONFIG_CHANGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mapping/sources_config.h"
#include "pipeline/ledger.h"

namespace millrace {

// One change of the config, and the objects that it affects.
struct ConfigChange {
  std::string object;              // the first one
  std::string before;              // config_id of the entry under which they were sent
  std::string now;                 // config_id of the entry that matches them now
  std::vector<std::string> parts;  // changed parts of the entry; none: not known
  absl::Time sent;                 // when the ledger last recorded rows of the first one
  uint64_t objects = 1;
  bool partly = false;  // only a part of the first one was sent
};

// `sent` is the ledger row of an object that `config` matches now.
ConfigChange ConfigChangeOf(const LedgerEntry& sent, const SourceConfig& config);

// Says what changed and when, what was not done because of it, and what to do.
std::string Describe(const ConfigChange& change);

// What --force does with such objects; every verb prints it.
inline constexpr char kForceAdvice[] =
    "--force imports them again; events whose $insert_id, time, name or distinct_id the change "
    "alters then count twice";

// Joins equal changes, and keeps a bounded number of them.
class ConfigChanges {
 public:
  static constexpr size_t kMaxListed = 20;

  void Add(ConfigChange change);
  const std::vector<ConfigChange>& listed() const { return listed_; }

 private:
  std::vector<ConfigChange> listed_;
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_CONFIG_CHANGE_H_
