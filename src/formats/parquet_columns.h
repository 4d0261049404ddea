// Parquet for callers that read columns instead of rows: a few flat columns of a file, row group by
// row group on any number of threads, as decoded values.
#ifndef MILLRACE_FORMATS_PARQUET_COLUMNS_H_
#define MILLRACE_FORMATS_PARQUET_COLUMNS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/parquet_leaf_column.h"
#include "formats/parquet_schema.h"
#include "io/object_store.h"

namespace millrace {

// A column by its name ("a", or "a.b" for a member of a struct), or by the field id of a top-level
// column.
struct ParquetColumnRef {
  std::string name;
  std::optional<int32_t> field_id = {};
};

// The columns of one row group, front to back. One thread at a time.
class ParquetGroup {
 public:
  virtual ~ParquetGroup() = default;
  // Fills `columns`, one for each requested column, with the next rows, at most `most`, and returns
  // how many; 0 at the end. Columns that the file does not have stay empty. DataLoss, with row
  // group, row and column, if the file is damaged.
  virtual absl::StatusOr<size_t> Read(size_t max, std::vector<LeafColumn>& columns) = 0;
};

// An open file. Thread-safe.
class ParquetColumns {
 public:
  struct Group {
    uint64_t first_row = 0;
    uint64_t rows = 0;
  };

  // Errors are those of OpenParquet(). InvalidArgument for a column that is a list, a map or a
  // group.
  static absl::StatusOr<std::unique_ptr<ParquetColumns>> Open(
      std::shared_ptr<ObjectReader> object, const std::vector<ParquetColumnRef>& columns);

  virtual ~ParquetColumns() = default;
  virtual const std::vector<Group>& groups() const = 0;
  // How the requested column `column` is stored; null if the file does not have it.
  virtual const ParquetLeaf* leaf(size_t column) const = 0;
  // The names of all top-level columns.
  virtual std::vector<std::string> names() const = 0;
  // True if a top-level column has a field id.
  virtual bool has_field_ids() const = 0;
  virtual absl::StatusOr<std::unique_ptr<ParquetGroup>> OpenGroup(size_t group) const = 0;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_COLUMNS_H_
