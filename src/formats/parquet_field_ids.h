// The field ids that table formats write beside the columns of a Parquet file.
#ifndef MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_
#define MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/object_store.h"

namespace millrace {

// Field id -> name, of the columns at the top that have one; empty if none has. Reads the footer
// only. Statuses as of OpenParquet.
absl::StatusOr<std::map<int32_t, std::string>> ReadParquetFieldIds(
    std::shared_ptr<ObjectReader> object);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_
