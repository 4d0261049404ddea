// Opens an object for the rows that a config entry maps. Import, plan and reconcile all use this,
// so that they read and reject the same.
#ifndef MILLRACE_OBJECTS_MAPPED_ROWS_H_
#define MILLRACE_OBJECTS_MAPPED_ROWS_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/warnings.h"
#include "formats/row_reader.h"
#include "mapping/sources_config.h"

namespace millrace {

// A column that an entry names, and its use.
struct ColumnUse {
  std::string column;
  std::string used_for;  // "the event name", "\"time\""
};
std::vector<ColumnUse> ColumnUsesOf(const SourceConfig& config);

// True if `wanted` names `column`, or a field nested in it.
bool ReachesColumn(std::string_view wanted, std::string_view column);

// How to read objects of `config`: file type, null texts, and the columns it needs (empty: all).
ReadOptions ReadOptionsFor(const SourceConfig& config);

// Opens `object` with `options` (those of `config`, perhaps changed) and compares its columns with
// those that `config` names. InvalidArgument if a named column occurs more than once, unless its
// copies are named too. Adds the warnings "duplicate_column" and "missing_column" to
// options.warnings (null: none are added), whose error is returned if warnings are errors.
absl::StatusOr<std::unique_ptr<RowReader>> OpenMappedRows(std::shared_ptr<ObjectReader> object,
                                                          const SourceConfig& config,
                                                          const ReadOptions& options);

}  // namespace millrace

#endif  // MILLRACE_OBJECTS_MAPPED_ROWS_H_
