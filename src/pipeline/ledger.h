// The ledger: one durable row per source object, version, config and destination, which says what
// is done.
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

class Intents;

// The accounting invariant: read = accepted + rejected + filtered + pending, always.
// `accepted` and `rejected` count source rows: a row that a transform made into three events counts
// as accepted once when all three are, and as rejected once when any is refused. `events` counts
// the events that were sent and accepted.
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
  std::string config;       // config_id and a hash of the content
  std::string destination;  // "mixpanel:<host>:<project>:<record type>"; never a secret
  friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};

enum class LedgerState { kOpen, kDone };

struct LedgerEntry {
  LedgerKey key;
  LedgerState state = LedgerState::kOpen;
  Position position;
  Counts counts;
  std::string owner;  // the worker that holds the lease; empty: none
  absl::Time lease_until;
  absl::Time started;
  absl::Time updated;
  std::string last_error;  // of the last run that stopped at this object; empty: none
  uint64_t object_bytes = 0;
  uint64_t revision = 0;  // incremented by each write; compared by compare-and-set
  // The version of the rules that made rows into events (mapping/mapping_version.h): that of the
  // run that began the object. Rows of ledgers that did not store it have version 1.
  uint64_t mapping_version = 1;
  std::string config_parts;  // hashes of the parts of the config (mapping/fingerprint.h), or empty
  // Rows may be at the destination although the position does not show it. A run sets this itself;
  // it is assumed of a worker that lost the row.
  bool maybe_sent = false;
  std::string intent;  // the open intent that covers the row (pipeline/intents.h); empty: none
};

// True if rows of the object may be at the destination: it is done, it has a position, maybe_sent
// is set, an intent covers it, or a worker holds it or died while holding it and may not have
// recorded what it sent.
bool MayHaveSent(const LedgerEntry& entry);

// Which worker claims which object.
struct ClaimRequest {
  LedgerKey key;
  std::string owner;
  uint64_t object_bytes = 0;
  absl::Duration lease = absl::ZeroDuration();
  uint64_t mapping_version = 1;   // as in LedgerEntry
  std::string config_parts = {};  // as in LedgerEntry
};

// Read-only access to a ledger. Thread-safe; statuses as in Ledger.
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

// Rows with compare-and-set and leases, so that many workers can share one backfill. Thread-safe.
// When a call returns, its change survives a crash of the process. After a crash of the machine the
// ledger may be at an earlier state, which is safe (work is repeated).
// Unavailable: try again. Cancelled: `stop` was requested; the call returns soon after that, and
// the change may or may not have been made. If the stop was requested before the call, no change is
// made. Other errors are permanent.
class Ledger : public LedgerReader {
 public:
  struct Claim {
    enum class Outcome { kClaimed, kDone, kHeld, kConfigChanged, kUncommitted };
    Outcome outcome = Outcome::kHeld;
    LedgerEntry entry;  // as stored after the call
  };

  // Claims the row for the owner until now + lease. Creates it if needed; takes it over if it is
  // open and either unheld, expired, or held by the same owner. kDone: nothing is left to do.
  // kHeld: another owner has it. A row that another owner held and did not release gets maybe_sent.
  //
  // A row that an intent covers is not claimed. kHeld: another worker holds the intent. Otherwise
  // kUncommitted: take entry.intent with Intents::Take(), settle or withdraw it, and claim again.
  // With both outcomes, owner and lease_until of `entry` are those of the intent.
  //
  // One object, version and destination is never sent under two configs, because the same row would
  // get different ids. While the row of `key` has neither a position nor an intent, a row of
  // another config decides. If MayHaveSent() is true of that row, the outcome is kConfigChanged, or
  // kHeld if the only reason is an active lease. `entry` is then that row, and nothing was changed.
  virtual absl::StatusOr<Claim> ClaimObject(const ClaimRequest& request, std::stop_token stop) = 0;

  // If the row still has entry.revision and entry.owner, stores position, counts, state, last_error
  // and maybe_sent of `entry`, renews the lease and updates entry.revision. State kDone ends the
  // lease. Aborted: another worker took over the row; this owner must stop working on it.
  // FailedPrecondition: an intent covers the row, and position or state of `entry` are not those of
  // the row, as they are in a renewal.
  virtual absl::Status Store(LedgerEntry& entry, absl::Duration lease, std::stop_token stop) = 0;

  // Releases an open row so that others can claim it at once. An intent that covers it remains.
  // Aborted as above.
  virtual absl::Status Release(LedgerEntry& entry, std::stop_token stop) = 0;

  // Removes the rows of key's object, version and destination under every config, no matter who
  // holds them, and returns their keys; none if there were none. For --force.
  virtual absl::StatusOr<std::vector<LedgerKey>> Forget(const LedgerKey& key,
                                                        std::stop_token stop) = 0;

  // The intents of the ledger's rows, which live as long as it.
  virtual Intents& intents() = 0;

  // The outcome of a claim because of `rival`, a row of another config for which MayHaveSent() is
  // true.
  static Claim::Outcome OutcomeForRival(const LedgerEntry& rival, absl::Time now);

  // The minimum time between two stores of one row that the ledger supports.
  virtual absl::Duration StoreInterval() const { return absl::ZeroDuration(); }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LEDGER_H_
