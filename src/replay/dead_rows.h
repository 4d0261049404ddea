// The dead letters of the rows of one object.
#ifndef MILLRACE_REPLAY_DEAD_ROWS_H_
#define MILLRACE_REPLAY_DEAD_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/event_identity.h"
#include "base/hash.h"
#include "objects/row_set.h"
#include "pipeline/event_reader.h"
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
  // The rejected rows whose other events are at the destination, and the fingerprints of the events
  // that are not, sorted. A replay delivers those unchanged: then there are none, and `replayed`
  // has no events of the row either.
  absl::flat_hash_map<uint64_t, std::vector<Hash128>> partial;
};

// Reads the dead letters on disk in `folder`. Ignores lines that cannot be read. `identify`: of the
// destination.
absl::StatusOr<DeadRows> ReadDeadRows(const std::string& folder, const LedgerKey& object,
                                      const EventReader::Identify& identify);

}  // namespace millrace

#endif  // MILLRACE_REPLAY_DEAD_ROWS_H_
