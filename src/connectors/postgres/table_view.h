// The view beside a table of records: events without repeats, or profiles folded from updates
// (records/view_sql.h).
#ifndef MILLRACE_CONNECTORS_POSTGRES_TABLE_VIEW_H_
#define MILLRACE_CONNECTORS_POSTGRES_TABLE_VIEW_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "connectors/postgres/table_spec.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

class TargetTable;

// Makes the view of `table`, which has the form `table`, unless something of that name exists.
absl::Status CreateView(Connection& connection, const TargetTable& table,
                        const std::stop_token& stop);

// The statement that drops the view of `table`; empty if CreateView() did not make what has its
// name. In the transaction that is open, if any.
absl::StatusOr<std::string> DropViewSql(Connection& connection, const TableName& view,
                                        const std::stop_token& stop);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_TABLE_VIEW_H_
