// The documents of announced commits in Firestore, beside those of the ledger's rows. Format:
// docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_INTENT_DOCUMENT_H_
#define MILLRACE_CONNECTORS_FIRESTORE_INTENT_DOCUMENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "connectors/firestore/ledger_document.h"
#include "pipeline/intents.h"

namespace millrace::firestore {

// `updated` is the document's updateTime, which compare-and-set uses; intent.lease_until = updated
// + lease. The spans have no revisions.
struct IntentDocument {
  Intent intent;
  absl::Duration lease;    // stored in milliseconds
  std::string last_write;  // identifies the change that made this revision
  absl::Time updated;
};

std::string IntentDocumentId(const std::string& intent);

// One write of a :commit, as WriteText() in ledger_document.h.
std::string WriteText(const std::string& name, const IntentDocument& document, Expect expect);

// The body of :runQuery for `limit` intents of `destination` by name, after the document `after`
// (empty: from the first).
std::string IntentQueryBody(const std::string& collection, const std::string& destination,
                            const std::string& after, size_t limit);

// Responses. DataLoss if they are not valid; they are not trusted.
struct FoundIntent {
  std::optional<IntentDocument> document;
  absl::Time read_time;  // of the server's clock
};
absl::StatusOr<FoundIntent> ParseIntentResponse(std::string_view body);
absl::StatusOr<std::vector<IntentDocument>> ParseIntentQueryResponse(std::string_view body);

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_INTENT_DOCUMENT_H_
