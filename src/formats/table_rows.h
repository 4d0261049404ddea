// Reads the rows of a data file of a table: under the names of the table's columns, without the
// rows that the table has deleted.
#ifndef MILLRACE_FORMATS_TABLE_ROWS_H_
#define MILLRACE_FORMATS_TABLE_ROWS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/row_filter.h"
#include "formats/row_reader.h"

namespace millrace {

// The names under which the fields of a Parquet file are read. Fields without a name are not read.
struct FieldNames {
  std::map<int32_t, std::string> by_id;  // of columns, and of members of groups at any depth
  // Set for a file without field ids: the name in the file -> the name of the column. Members of
  // groups then keep the names that they have in the file.
  std::optional<std::map<std::string, std::string>> by_name;
};

// What a table says about one of its data files.
struct TableRows {
  std::shared_ptr<const FieldNames> names;
  // The names of all columns of the table; those that the file does not have are null in its rows.
  std::shared_ptr<const std::vector<std::string>> columns;
  // Rows that do not count: positions in the file, ascending from 0. Null: none.
  std::shared_ptr<const std::vector<uint64_t>> deleted_rows;
  std::vector<std::shared_ptr<const RowFilter>>
      filters;               // rows that one of them drops do not count
  bool has_no_rows = false;  // none of the rows counts, and none is read
};

// As OpenParquet(). Rows keep their number in the file; those that do not count are passed to
// RowVisitor::OnFilteredRow(). InvalidArgument if the columns have no field ids but need them.
absl::StatusOr<std::unique_ptr<RowReader>> OpenTableRows(std::shared_ptr<ObjectReader> object,
                                                         const TableRows& table,
                                                         const ReadOptions& options);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TABLE_ROWS_H_
