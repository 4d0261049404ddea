// A Ledger in Firestore, which any number of workers on any number of machines share.
// Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_LEDGER_H_
#define MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_LEDGER_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"
#include "base/clock.h"
#include "base/environment.h"
#include "net/http_client.h"
#include "pipeline/ledger.h"

namespace millrace {

struct FirestoreOptions {
  Environment environment;  // for FIRESTORE_EMULATOR_HOST and Google's credentials
  std::function<std::unique_ptr<HttpClient>()> new_http = [] { return NewCurlHttpClient(); };
  // For waits and tokens only; the server's clock decides about leases.
  Clock& clock = Clock::Real();
};

// The ledger at `uri`, "firestore://PROJECT/COLLECTION?database=ID"; the collection is
// dataflow_processed_files and the database (default) if they are not named. The server's clock
// decides about leases. If the response to a change was lost, the ledger reads back whether the
// change was made. Reads one document to check that the ledger can be used.
//
// InvalidArgument: the URI cannot be read. NotFound: no such project or database. Unauthenticated,
// PermissionDenied: the message names what is missing. Unavailable: try again. Cancelled: `stop`
// was requested.
absl::StatusOr<std::unique_ptr<Ledger>> OpenFirestoreLedger(std::string_view uri,
                                                            const FirestoreOptions& options,
                                                            std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_FIRESTORE_FIRESTORE_LEDGER_H_
