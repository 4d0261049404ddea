// The state of listed objects in the ledger, read without claiming any.
#ifndef MILLRACE_OBJECTS_LEDGER_VIEW_H_
#define MILLRACE_OBJECTS_LEDGER_VIEW_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "pipeline/ledger.h"

namespace millrace {

struct LedgerStanding {
  enum class State { kNew, kPartlyDone, kDone };
  State state = State::kNew;
  Position position;  // kPartlyDone: where an import resumes
  // kPartlyDone: another worker has a valid lease. kNew: the same, under another config, and that
  // worker has not recorded anything yet.
  bool held = false;
  uint64_t mapping_version = 0;  // not kNew
  std::string last_error;  // kPartlyDone: the error of the last run that stopped at the object
  // kNew: the ledger has the object under another version, or it may have been sent under another
  // config, so that an import would skip it.
  bool object_changed = false;
  bool config_changed = false;
};

// A copy of the ledger rows of some destinations: about 60 bytes per row, plus its error.
class LedgerView {
 public:
  LedgerView() = default;  // of an empty ledger

  static absl::StatusOr<LedgerView> Load(LedgerReader& ledger,
                                         const absl::flat_hash_set<std::string>& destinations,
                                         absl::Time now, std::stop_token stop);

  LedgerStanding Find(const LedgerKey& key) const;

 private:
  struct Row {
    uint64_t place;  // hash of object and destination
    uint64_t version;
    uint64_t config;
    Position position;
    uint32_t mapping_version;
    uint32_t error;  // index in errors_
    LedgerState state;
    bool held;
    bool covered;  // by an intent
    // What a claim under another config comes to because of this row: kClaimed if it does not
    // matter.
    Ledger::Claim::Outcome as_rival;
  };
  LedgerStanding StandingOf(const Row& row) const;
  static Row RowOf(const LedgerKey& key);

  std::vector<Row> rows_;                   // by place
  std::vector<std::string> errors_ = {""};  // few objects have one
};

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_LEDGER_VIEW_H_
