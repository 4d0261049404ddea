// The view beside a table of events: without repeats (records/view_sql.h).
#ifndef MILLRACE_CONNECTORS_REDSHIFT_TABLE_VIEW_H_
#define MILLRACE_CONNECTORS_REDSHIFT_TABLE_VIEW_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "connectors/redshift/sql_session.h"
#include "connectors/redshift/target_table.h"

namespace millrace::redshift {

// Quoted, with the schema; empty: tables of this type have no view in Redshift.
std::string ViewOf(const TargetTable& table);

// Makes the view, unless something of that name exists.
absl::Status CreateView(TargetTable& table, SqlSession& session, const std::stop_token& stop);

// The statement that drops the view; empty: CreateView() did not make what has its name.
absl::StatusOr<std::string> DropViewSql(TargetTable& table, SqlSession& session,
                                        const std::stop_token& stop);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_TABLE_VIEW_H_
