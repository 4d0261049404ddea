// The ledger's documents in Firestore, and the REST API's requests and responses for them (v1,
// https://firestore.googleapis.com). Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_LEDGER_DOCUMENT_H_
#define MILLRACE_CONNECTORS_FIRESTORE_LEDGER_DOCUMENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pipeline/ledger.h"

namespace millrace::firestore {

// entry.updated is the document's updateTime, which compare-and-set uses; entry.started its
// createTime; entry.lease_until = entry.updated + lease.
struct LedgerDocument {
  LedgerEntry entry;
  absl::Duration lease;    // stored in milliseconds
  std::string last_write;  // identifies the change that made this revision
  std::string name;        // "projects/.../documents/collection/id"; set where it was read
};

// The id of the document of `key`: 32 hex digits, so that neighbours in a listing are not adjacent,
// which Firestore handles badly.
std::string DocumentId(const LedgerKey& key);

enum class Expect { kAbsent, kUnchanged };

// One write of a :commit, as JSON: of `document` at `name`, if there is none yet, or if its
// updateTime is still entry.updated; of the deletion of `name`, unconditionally, or only if its
// updateTime is still `updated`.
std::string WriteText(const std::string& name, const LedgerDocument& document, Expect expect);
std::string DeleteText(const std::string& name, std::optional<absl::Time> updated = {});

// Bodies of :commit with such writes; of :batchGet; of :runQuery for `limit` documents by object
// and name, after `after` (null: from the first); and for all documents of an object and version,
// for which Firestore's automatic indexes suffice.
std::string CommitBody(const std::vector<std::string>& writes);
std::string GetBody(const std::vector<std::string>& names);
std::string QueryBody(const std::string& collection, const LedgerDocument* after, size_t limit);
std::string ObjectQueryBody(const std::string& collection, const LedgerKey& key);

// Responses. DataLoss if they are not valid; they are not trusted.
struct QueryResult {
  std::vector<LedgerDocument> documents;
  absl::Time read_time;  // of the server's clock
};
// The documents that exist, in any order.
absl::StatusOr<QueryResult> ParseGetResponse(std::string_view body);
// The updateTime of the first of `writes` writes, which is no deletion.
absl::StatusOr<absl::Time> ParseCommitResponse(std::string_view body, size_t writes);
absl::StatusOr<QueryResult> ParseQueryResponse(std::string_view body);

// The error in a response: the code from its "status", or from the HTTP status if it has none;
// Unavailable for all transient errors. Its message is shown.
absl::Status ErrorOf(int http_status, std::string_view body);

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_LEDGER_DOCUMENT_H_
