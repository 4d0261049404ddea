// Reads some rows of an object again.
#ifndef MILLRACE_OBJECTS_SOURCE_ROWS_H_
#define MILLRACE_OBJECTS_SOURCE_ROWS_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "mapping/sources_config.h"
#include "objects/row_set.h"
#include "pipeline/ledger.h"
#include "stores/open_store.h"

namespace millrace {

// The rows of `object` that are in `rows` and can be read, by number, as AppendRowAsJson() writes
// them, with the columns that `config` needs. Reads the object up to the last of these rows.
// NotFound if it no longer exists, FailedPrecondition if its version has changed; other errors as
// for reading.
absl::StatusOr<absl::flat_hash_map<uint64_t, std::string>> ReadRowsAsJson(
    const LedgerKey& object, const SourceConfig& config, const RowSet& rows,
    const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_SOURCE_ROWS_H_
