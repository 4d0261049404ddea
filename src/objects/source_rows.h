// Some rows of an object, read again.
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

// The rows of `object` that are in `rows` and can be read, as AppendRowAsJson() writes them, by
// number; with the columns that `config` needs. Reads the object up to the last of them. NotFound
// if it is gone, FailedPrecondition if its version is another now; others as of reading.
absl::StatusOr<absl::flat_hash_map<uint64_t, std::string>> ReadRowsAsJson(
    const LedgerKey& object, const SourceConfig& config, const RowSet& rows,
    const StoreOptions& stores);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_SOURCE_ROWS_H_
