// A Ledger in PostgreSQL, which any number of workers on any number of machines share.
// Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_LEDGER_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_LEDGER_H_

#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "pipeline/ledger.h"

namespace millrace {

// True if `text` names a PostgreSQL database: "postgres://..." or libpq's "host=... dbname=...".
bool IsPostgresAddress(std::string_view text);

// Opens the ledger at `uri`, for which IsPostgresAddress() is true, and creates missing tables in
// the schema that search_path names. The server's clock decides about leases, so the workers'
// clocks do not matter. A lost connection is reopened. If the response to a change was lost, the
// ledger reads back whether the change was made. Holds up to three connections.
//
// InvalidArgument: the URI cannot be read. Unavailable: the server cannot be reached now, or is
// read-only. Cancelled: `stop` was requested. Unauthenticated, PermissionDenied, NotFound: as they
// say. FailedPrecondition: the ledger is one of a newer Millrace. Errors name the server, and never
// a password.
absl::StatusOr<std::unique_ptr<Ledger>> OpenPostgresLedger(std::string_view uri,
                                                           std::stop_token stop);

// The rows of the ledger at `uri`; none if there is no ledger. Needs the right to read only. Errors
// as above; FailedPrecondition too if an older Millrace made it and no newer one has used it yet.
absl::StatusOr<std::unique_ptr<LedgerReader>> OpenPostgresLedgerToRead(std::string_view uri,
                                                                       std::stop_token stop);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_LEDGER_H_
