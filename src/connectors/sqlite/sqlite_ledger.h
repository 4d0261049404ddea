// The embedded Ledger: one SQLite file, which several processes of one machine may share.
// Format: docs/formats/ledger.md.
#ifndef MILLRACE_CONNECTORS_SQLITE_SQLITE_LEDGER_H_
#define MILLRACE_CONNECTORS_SQLITE_SQLITE_LEDGER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "pipeline/ledger.h"

namespace millrace {

// Opens `path`, creating it (mode 0600) and its folders (0700) if they are missing; ":memory:" is a
// ledger that ends with its object. `clock` decides about leases and outlives the ledger. Errors
// name the path: DataLoss if it is not a ledger or is damaged, PermissionDenied if it may not be
// written, FailedPrecondition if it is of a newer Millrace, ResourceExhausted for a full disk.
absl::StatusOr<std::unique_ptr<Ledger>> OpenSqliteLedger(const std::string& path, Clock& clock);

// The rows of the ledger at `path`; none if there is no such file. Creates and changes nothing: the
// file and its folder may belong to another user. Errors as above.
absl::StatusOr<std::unique_ptr<LedgerReader>> OpenSqliteLedgerToRead(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_SQLITE_SQLITE_LEDGER_H_
