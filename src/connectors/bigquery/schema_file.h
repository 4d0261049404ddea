// Schemas of tables as files: the JSON that `bq show --schema` prints.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_SCHEMA_FILE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_SCHEMA_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/record_type.h"

namespace millrace::bigquery {

// The columns of `json`, a list of {"name", "type", "mode", ...}, that a table of records has not
// anyway, as TableForm::Make() takes them: "n:integer". Types are STRING, INTEGER, FLOAT, BOOLEAN,
// TIMESTAMP and JSON, by any of their names; `mode` is NULLABLE or left out, but for columns that
// the table has anyway. Other members are ignored. InvalidArgument names the column.
absl::StatusOr<std::vector<std::string>> ColumnsOfSchema(std::string_view json, RecordType type);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_SCHEMA_FILE_H_
