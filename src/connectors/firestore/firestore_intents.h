// The intents of a ledger in Firestore.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_INTENTS_H_
#define MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_INTENTS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/pool.h"
#include "connectors/firestore/firestore_client.h"
#include "pipeline/intents.h"

namespace millrace {

// Each change reads the documents and writes all of them in one commit, if none has changed
// meanwhile; else it reads them again, which also shows whether a commit whose response was lost
// was made.
class FirestoreIntents : public Intents {
 public:
  // All outlive it.
  FirestoreIntents(const firestore::Location& location, Clock& clock,
                   Pool<firestore::FirestoreClient>& clients)
      : location_(location), clock_(clock), clients_(clients) {}

  absl::Status Announce(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Renew(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Settle(Intent& intent, absl::Duration lease, std::stop_token stop) override;
  absl::Status Withdraw(Intent& intent, std::stop_token stop) override;
  absl::StatusOr<std::optional<Intent>> Take(const std::string& id, const std::string& owner,
                                             bool owner_is_dead, absl::Duration lease,
                                             std::stop_token stop) override;
  absl::StatusOr<std::vector<Intent>> List(const std::string& destination,
                                           std::stop_token stop) override;

 private:
  using Rows = std::map<LedgerKey, firestore::LedgerDocument>;
  using Edit = std::function<void(const IntentSpan& span, firestore::LedgerDocument& row)>;
  // One try; false: a document has changed meanwhile, so try again.
  using Try = std::function<absl::StatusOr<bool>(firestore::FirestoreClient& client)>;

  // Tries up to kMaxTries times, and after one error Unavailable, which may hide that the commit
  // was made.
  absl::Status Repeat(const Try& attempt, const std::stop_token& stop);
  absl::StatusOr<Rows> ReadRows(firestore::FirestoreClient& client, const Intent& intent,
                                const std::stop_token& stop);
  // Writes of the rows that `intent` covers, as `edit` changes them, with new revisions, which it
  // sets in the spans.
  std::vector<std::string> EditRows(Intent& intent, Rows rows, const std::string& change_id,
                                    const Edit& edit);
  absl::StatusOr<bool> TryAnnounce(firestore::FirestoreClient& client, Intent& intent,
                                   absl::Duration lease, const std::stop_token& stop);
  // Removes the intent and edits the rows that it covers. `kind` is that of ChangeId().
  absl::Status End(const char* kind, Intent& intent, const Edit& edit, const std::stop_token& stop);
  absl::StatusOr<bool> TryEnd(firestore::FirestoreClient& client, const std::string& change_id,
                              Intent& intent, const Edit& edit, const std::stop_token& stop);

  const firestore::Location& location_;
  Clock& clock_;
  Pool<firestore::FirestoreClient>& clients_;
};

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_INTENTS_H_
