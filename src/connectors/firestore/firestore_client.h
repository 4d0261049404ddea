// Calls of Firestore's REST API, for one thread at a time.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_CLIENT_H_
#define MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_CLIENT_H_

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"
#include "base/clock.h"
#include "connectors/firestore/intent_document.h"
#include "connectors/firestore/ledger_document.h"
#include "net/http_client.h"

namespace millrace::firestore {

// The documents, their location and the credentials.
struct Location {
  std::string base_url;  // "https://firestore.googleapis.com"
  std::string project;
  std::string database = "(default)";
  std::string collection = "dataflow_processed_files";
  GoogleCredentials credentials;

  std::string root() const;  // "projects/P/databases/D/documents"
  std::string DocumentName(const LedgerKey& key) const;
  std::string IntentName(const std::string& intent) const;
};

// Whether `status` says that a precondition does not hold.
bool IsSurprise(const absl::Status& status);

constexpr int kMaxTries = 10;  // against others that change the same documents

// A pause before the next try against them. Cancelled once `stop` is requested.
absl::Status BackOff(Clock& clock, int attempt, const std::stop_token& stop);

// Errors: as ErrorOf(), with a hint about the missing role. `location` outlives the client.
class FirestoreClient {
 public:
  FirestoreClient(const Location& location, std::unique_ptr<HttpClient> http)
      : location_(location), http_(std::move(http)) {}

  // The documents with these names that exist, in any order.
  absl::StatusOr<QueryResult> Get(const std::vector<std::string>& names,
                                  const std::stop_token& stop);
  absl::StatusOr<FoundIntent> GetIntent(const std::string& id, const std::stop_token& stop);
  // Makes all writes (WriteText(), DeleteText()) or none, and returns the updateTime of the first,
  // which must not delete. AlreadyExists, FailedPrecondition or NotFound: a precondition does not
  // hold. Aborted: concurrent writes; try again. Cancelled: `stop` was requested.
  absl::StatusOr<absl::Time> Commit(const std::vector<std::string>& writes,
                                    const std::stop_token& stop);
  // Deletes `name` unconditionally, or only if its updateTime is still `updated`. Errors as above.
  absl::Status Delete(const std::string& name, const std::stop_token& stop,
                      std::optional<absl::Time> updated = {});
  absl::StatusOr<std::vector<LedgerDocument>> Page(const LedgerDocument* after, size_t limit,
                                                   const std::stop_token& stop);
  // `limit` intents of `destination` by id, after the intent `after` (empty: from the first).
  absl::StatusOr<std::vector<IntentDocument>> IntentPage(const std::string& destination,
                                                         const std::string& after, size_t limit,
                                                         const std::stop_token& stop);
  // All documents of key's object and version.
  absl::StatusOr<QueryResult> OfObject(const LedgerKey& key, const std::stop_token& stop);

 private:
  absl::StatusOr<std::string> Call(const char* method, const std::string& body,
                                   const std::stop_token& stop);
  absl::StatusOr<HttpResponse> Post(const char* method, const std::string& body,
                                    const std::stop_token& stop);

  const Location& location_;
  const std::unique_ptr<HttpClient> http_;
};

}  // namespace millrace::firestore

#endif  // MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_CLIENT_H_
