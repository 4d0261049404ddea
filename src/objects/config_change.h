// Objects that were sent under a config that has changed since: they are not sent again unasked.
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

// One change of the config, and the objects that it is about.
struct ConfigChange {
  std::string object;              // the first one
  std::string before;              // config_id of the entry that they were sent under
  std::string now;                 // config_id of the entry that fits them now
  std::vector<std::string> parts;  // of the entry that changed, as in sources.json; none: not known
  absl::Time sent;                 // when the ledger last recorded rows of the first one
  uint64_t objects = 1;
  bool partly = false;  // of the first one only a part was sent
};

// `sent` is the ledger's row of an object that `config` fits now.
ConfigChange ConfigChangeOf(const LedgerEntry& sent, const SourceConfig& config);

// What changed and when, what was not done because of that, and what to do.
std::string Describe(const ConfigChange& change);

// What --force does to such objects, in the words of every verb.
inline constexpr char kForceAdvice[] =
    "--force imports them again; events that get another $insert_id, time, name or distinct_id by "
    "the change then count twice";

// Joins changes that are the same, and holds a bounded number of them.
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
