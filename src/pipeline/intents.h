// Commits that were announced in the ledger before they were made, so that whoever finds the ledger
// after a crash can finish or undo them.
#ifndef MILLRACE_PIPELINE_INTENTS_H_
#define MILLRACE_PIPELINE_INTENTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/ledger.h"

namespace millrace {

// What the row of one object becomes when the commit is made.
struct IntentSpan {
  LedgerKey object;  // its destination is the intent's
  // Of the row: the announcement is refused if it is another one. 0 after a call that found no row.
  uint64_t revision = 0;
  Position after;
  Counts counts;  // of the object from its beginning
  LedgerState state = LedgerState::kOpen;
  std::string last_error;
  friend bool operator==(const IntentSpan&, const IntentSpan&) = default;
};

// Firestore takes 500 writes in a transaction and 1 MiB in a document.
inline constexpr size_t kMaxIntentSpans = 400;
inline constexpr size_t kMaxIntentBytes = 256 << 10;

struct Intent {
  std::string id;                  // 32 hex digits, never used before
  std::string destination;         // of all spans
  std::vector<std::string> parts;  // as the sinks named them
  std::vector<IntentSpan> spans;   // 1 to kMaxIntentSpans objects, each once
  std::string owner;
  absl::Time lease_until;
  uint64_t revision = 0;  // incremented by each write; compared by compare-and-set

  // An upper bound of what its texts take in a ledger.
  size_t Bytes() const;
};

// A run that does not commit has found the row of `object` under the intent `id`, which it can
// neither finish nor withdraw.
absl::Status OpenCommitOfAnotherMethod(const LedgerKey& object, const std::string& id);

// Part of a ledger. Thread-safe; statuses as in Ledger. Aborted: a row or the intent is another
// worker's by now, or the intent is gone; nothing was changed.
//
// While an intent covers a row, the row cannot be claimed: see Ledger::Claim. Its owner may still
// renew its lease with Store().
class Intents {
 public:
  virtual ~Intents() = default;

  // Stores `intent` and sets LedgerEntry::intent of its rows, all or nothing, if every row has the
  // span's revision, intent.owner as its owner, and no intent. Sets intent.revision, lease_until
  // and the spans' new revisions. When it returns, the intent survives power loss. InvalidArgument:
  // the intent is not as above.
  virtual absl::Status Announce(Intent& intent, absl::Duration lease, std::stop_token stop) = 0;

  // Renews the lease. Aborted: another worker has taken the intent.
  virtual absl::Status Renew(Intent& intent, absl::Duration lease, std::stop_token stop) = 0;

  // The commit is made: gives each row the position, counts, state and last_error of its span, ends
  // the lease of those that are done, renews that of those which still have the intent's owner,
  // removes the intent, and sets the spans' new revisions; all or nothing. A row that was forgotten
  // meanwhile is skipped.
  virtual absl::Status Settle(Intent& intent, absl::Duration lease, std::stop_token stop) = 0;

  // The commit will never be made: removes the intent and leaves the rows as they are, but for
  // their revisions, which it sets in the spans. A ledger may renew the leases of rows with an
  // owner.
  virtual absl::Status Withdraw(Intent& intent, std::stop_token stop) = 0;

  // Takes the intent `id` over for `owner` if its lease has expired, it has the same owner, or
  // `owner_is_dead`. Its rows lose their owner, so that the earlier worker's stores fail. The
  // spans have the rows' new revisions. Nullopt: there is no such intent, or another worker holds
  // it.
  virtual absl::StatusOr<std::optional<Intent>> Take(const std::string& id,
                                                     const std::string& owner, bool owner_is_dead,
                                                     absl::Duration lease,
                                                     std::stop_token stop) = 0;

  // The intents of `destination`, in the order of their ids. The revisions of their spans are 0.
  virtual absl::StatusOr<std::vector<Intent>> List(const std::string& destination,
                                                   std::stop_token stop) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_INTENTS_H_
