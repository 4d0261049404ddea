// Tables as BigQuery's REST API describes them, and what records need of them. Pure.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_TABLE_SCHEMA_H_
#define MILLRACE_CONNECTORS_BIGQUERY_TABLE_SCHEMA_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/record_type.h"
#include "connectors/bigquery/table_spec.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// The columns that tell one profile from another.
std::vector<std::string> KeyColumns(RecordType type);

// The resource of a new table: all columns may be null, partitions by the day of event_time
// (insert_time for profiles), clusters by what is looked for. A table of upserts has a primary key,
// and no partitions, because BigQuery reads all of them for each query.
nlohmann::json NewTable(const TableSpec& spec, std::string_view table, const TableForm& form);

// `table`, a resource, with the columns that it lacks and REQUIRED columns of ours that may be null
// relaxed, as the list of its fields; null if it needs no change. A JSON column may also be STRING.
// FailedPrecondition: rows cannot fit, because a column has another type, is a list, or is REQUIRED
// and not ours, or it is no table; the message begins with `name` and says what to do.
absl::StatusOr<nlohmann::json> NeededFields(const nlohmann::json& table, std::string_view name,
                                            const TableForm& form);

// Whether `table`, a resource, is one of upserts if it has to be, and none if rows are appended to
// it. FailedPrecondition, as above.
absl::Status CheckKey(const nlohmann::json& table, std::string_view name, const TableSpec& spec,
                      RecordType type);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_TABLE_SCHEMA_H_
