// The rows of a data file that do not count, as filters on its columns.
#ifndef MILLRACE_ICEBERG_ROW_FILTERS_H_
#define MILLRACE_ICEBERG_ROW_FILTERS_H_

#include <memory>
#include <vector>

#include "formats/row_filter.h"
#include "iceberg/table.h"

namespace millrace {

// How a column of the table is found in `file`: by id, or in files without ids by its name in the
// name mapping. A column that the mapping does not contain is looked up by id, which finds nothing.
ColumnRef ColumnIn(const IcebergFile& file, ColumnRef column);

// Drops rows whose time is outside of `range`, or null. `time` as found in the file.
std::shared_ptr<const RowFilter> NewTimeFilter(const TimeRange& range, ColumnRef time);

// One filter for each of the file's equality deletes.
std::vector<std::shared_ptr<const RowFilter>> EqualityFiltersOf(const IcebergFile& file);

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_ROW_FILTERS_H_
