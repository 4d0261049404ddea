// What the DEST of a database says of its tables of records.
#ifndef MILLRACE_RECORDS_TABLE_OPTIONS_H_
#define MILLRACE_RECORDS_TABLE_OPTIONS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "base/uri_query.h"

namespace millrace {

using TableNames = std::map<RecordType, std::string>;

// The name that a table or column of `text` has in the database. InvalidArgument: it can have none.
using NameRule = std::function<absl::StatusOr<std::string>(std::string_view text)>;

// InvalidArgument: `name`, of 1 to `max` bytes, is not UTF-8 text. `what`: "a table".
absl::Status CheckName(std::string_view what, std::string_view name, size_t max);

// table= (that of events), events=, users= and groups=, as they are written; if none is there,
// "events", "users" and "groups". InvalidArgument: table= and events= are both there.
absl::StatusOr<TableNames> TakeTableNames(UriQuery& query);

// The same, as `rule` names them. InvalidArgument too if two types have one table.
absl::StatusOr<TableNames> TakeTableNames(UriQuery& query, const NameRule& rule);

// Whether tables with `extra_columns` (as TableForm::Make() takes them) can be made. Columns whose
// names are equal by `rule` are InvalidArgument; `why` ends that message: "names have no case".
absl::Status CheckTableColumns(const TableNames& tables,
                               const std::vector<std::string>& extra_columns, const NameRule& rule,
                               std::string_view why);

// views=, true if it is absent. InvalidArgument: it is neither true nor false.
absl::StatusOr<bool> TakeViews(UriQuery& query);

}  // namespace millrace

#endif  // MILLRACE_RECORDS_TABLE_OPTIONS_H_
