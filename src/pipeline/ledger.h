// What is done: one durable row per source object, version, config and destination.
#ifndef MILLRACE_PIPELINE_LEDGER_H_
#define MILLRACE_PIPELINE_LEDGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace millrace {

// Where a source goes on: the rows before it are all accounted for. `byte` is the source's own
// (see formats/row_reader.h); the ledger only keeps it.
struct Position {
  uint64_t row = 0;
  uint64_t byte = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

// The accounting promise: read = accepted + rejected + filtered + pending, always.
// `accepted` and `rejected` count source rows: a row that a transform made into three events is
// accepted once when all three are, and rejected once when any is refused. `events` counts what was
// sent and accepted.
struct Counts {
  uint64_t read = 0;
  uint64_t accepted = 0;
  uint64_t rejected = 0;
  uint64_t filtered = 0;
  uint64_t events = 0;

  uint64_t pending() const { return read - accepted - rejected - filtered; }
  Counts& operator+=(const Counts& other);
  friend bool operator==(const Counts&, const Counts&) = default;
};

struct LedgerKey {
  std::string object;       // uri
  std::string version;      // generation, ETag or size-mtime
  std::string config;       // config_id and a hash of what it says
  std::string destination;  // "mixpanel:<host>:<project>:<record type>"; never a secret
  friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};

enum class LedgerState { kOpen, kDone };

struct LedgerEntry {
  LedgerKey key;
  LedgerState state = LedgerState::kOpen;
  Position position;
  Counts counts;
  std::string owner;  // who holds the lease; empty: nobody
  absl::Time lease_until;
  absl::Time started;
  absl::Time updated;
  std::string last_error;  // of the last run that stopped on this object; empty: none
  uint64_t object_bytes = 0;
  uint64_t revision = 0;  // goes up with each write; what compare-and-set compares
};

// Compare-and-set rows with leases, so that many workers share one backfill. Thread-safe. Every
// change is durable against a crash of the process when the call returns; after a crash of the
// machine the ledger may be at an earlier state it had, which is safe (work is done again).
// Unavailable: try again. Cancelled: `stop` was requested. A call ends soon after that, and whether
// its change is made is not known; with a stop that was requested before the call it is not made.
// Other errors are for good.
class Ledger {
 public:
  virtual ~Ledger() = default;

  struct Claim {
    enum class Outcome { kClaimed, kDone, kHeld };
    Outcome outcome = Outcome::kHeld;
    LedgerEntry entry;  // as stored after the call
  };

  // Takes the row for `owner` until now + lease: creates it, or takes it over where it is open and
  // unheld, its lease has run out, or `owner` holds it already. kDone: nothing is left to do.
  // kHeld: another owner has it.
  virtual absl::StatusOr<Claim> ClaimObject(const LedgerKey& key, const std::string& owner,
                                            uint64_t object_bytes, absl::Duration lease,
                                            std::stop_token stop) = 0;

  // Stores position, counts, state and last_error of `entry` if the row still has entry.revision
  // and entry.owner, and renews the lease; updates entry.revision. state kDone ends the lease.
  // Aborted: someone else took the row over; this owner must stop working on it.
  virtual absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) = 0;

  // Gives an open row back so that others can claim it at once. Aborted as above.
  virtual absl::Status Release(LedgerEntry& entry, std::stop_token stop) = 0;

  // Removes the row, whoever holds it; ok if there was none. For --force.
  virtual absl::Status Forget(const LedgerKey& key, std::stop_token stop) = 0;

  // All rows, by object then version. A status that is not ok ends the walk and is returned.
  virtual absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                               std::stop_token stop) = 0;

  // The least time between two stores of one row that the ledger bears.
  virtual absl::Duration StoreInterval() const { return absl::ZeroDuration(); }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LEDGER_H_
