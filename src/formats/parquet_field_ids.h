// The field ids that table formats store with the columns of a Parquet file.
#ifndef MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_
#define MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/object_store.h"

namespace millrace {

// The top-level columns of a file's schema.
struct ParquetFieldIds {
  std::map<int32_t, std::string> names_by_id;  // of columns that have an id; empty if none has
  std::vector<std::string> names;              // of all
  std::set<int32_t> float_ids;                 // ids of columns of the types float and double
};

// Reads the footer only. Statuses as of OpenParquet.
absl::StatusOr<ParquetFieldIds> ReadParquetFieldIds(std::shared_ptr<ObjectReader> object);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_FIELD_IDS_H_
