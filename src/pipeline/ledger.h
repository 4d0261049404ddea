// What is done: one durable row per source object, version, config and destination.
#ifndef MILLRACE_PIPELINE_LEDGER_H_
#define MILLRACE_PIPELINE_LEDGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/position.h"

namespace millrace {

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
  // By which rules the rows became events (mapping/mapping_version.h): those of the run that began
  // the object. Rows of ledgers that did not keep it are of version 1.
  uint64_t mapping_version = 1;
  std::string config_parts;  // hashes of the parts of the config (mapping/fingerprint.h); or empty
  // Rows may be at the destination though the position does not show it: a run says so of itself,
  // and it is taken for granted of an owner who lost the row.
  bool maybe_sent = false;
};

// True if rows of the object may be at the destination: it is done, it has a position, it says so,
// or someone works or died on it who may not have recorded yet what was sent.
bool MayHaveSent(const LedgerEntry& entry);

// Who wants to work on what.
struct ClaimRequest {
  LedgerKey key;
  std::string owner;
  uint64_t object_bytes = 0;
  absl::Duration lease = absl::ZeroDuration();
  uint64_t mapping_version = 1;   // as in LedgerEntry
  std::string config_parts = {};  // as in LedgerEntry
};

// What a ledger says, for those who change nothing. Thread-safe; statuses as of Ledger.
class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  // All rows, by object then version. A status that is not ok ends the walk and is returned.
  virtual absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>& visit,
                               std::stop_token stop) = 0;
};

class EmptyLedger : public LedgerReader {
 public:
  absl::Status ForEach(const std::function<absl::Status(const LedgerEntry&)>&,
                       std::stop_token) override {
    return absl::OkStatus();
  }
};

// Compare-and-set rows with leases, so that many workers share one backfill. Thread-safe. Every
// change is durable against a crash of the process when the call returns; after a crash of the
// machine the ledger may be at an earlier state it had, which is safe (work is done again).
// Unavailable: try again. Cancelled: `stop` was requested. A call ends soon after that, and whether
// its change is made is not known; with a stop that was requested before the call it is not made.
// Other errors are for good.
class Ledger : public LedgerReader {
 public:
  struct Claim {
    enum class Outcome { kClaimed, kDone, kHeld, kConfigChanged };
    Outcome outcome = Outcome::kHeld;
    LedgerEntry entry;  // as stored after the call
  };

  // Takes the row for the owner until now + lease: creates it, or takes it over where it is open
  // and unheld, its lease has run out, or the owner holds it already. kDone: nothing is left to do.
  // kHeld: another owner has it. A row that another
  // owner had and did not release gets maybe_sent.
  // No two owners ever send one object, version and destination under two configs, as the same row
  // gets other ids then. While the row of `key` has no position, a row of another config decides:
  // kConfigChanged if MayHaveSent() is true of it, with that row as `entry`; but kHeld, with that
  // row, if all there is of it is a lease that runs. Nothing was changed then.
  virtual absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) = 0;

  // Stores position, counts, state, last_error and maybe_sent of `entry` if the row still has
  // entry.revision and entry.owner, and renews the lease; updates entry.revision. state kDone ends
  // the lease. Aborted: someone else took the row over; this owner must stop working on it.
  virtual absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) = 0;

  // Gives an open row back so that others can claim it at once. Aborted as above.
  virtual absl::Status Release(LedgerEntry& entry, std::stop_token stop) = 0;

  // Removes the rows of key's object, version and destination under every config, whoever holds
  // them, and returns their keys; none if there were none. For --force.
  virtual absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                        std::stop_token stop) = 0;

  // What a claim comes to because of `rival`, a row of another config of which MayHaveSent() is
  // true.
  static Claim::Outcome OutcomeForRival(const LedgerEntry& rival, absl::Time now);

  // The least time between two stores of one row that the ledger bears.
  virtual absl::Duration StoreInterval() const { return absl::ZeroDuration(); }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LEDGER_H_
