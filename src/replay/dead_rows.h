// The dead letters of the rows of one object.
#ifndef MILLRACE_REPLAY_DEAD_ROWS_H_
#define MILLRACE_REPLAY_DEAD_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_identity.h"
#include "objects/row_set.h"
#include "pipeline/ledger.h"

namespace millrace {

struct DeadRows {
  RowSet rejected;
  // The rows that replays have delivered since.
  struct Replayed {
    uint64_t row = 0;  // 0-based
    std::vector<EventIdentity> events;
  };
  std::vector<Replayed> replayed;
};

// Reads the dead letters on disk in `folder`. Ignores lines that cannot be read.
absl::StatusOr<DeadRows> ReadDeadRows(const std::string& folder, const LedgerKey& object);

}  // namespace millrace

#endif  // MILLRACE_REPLAY_DEAD_ROWS_H_
