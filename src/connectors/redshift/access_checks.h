// What `millrace destinations check` looks at in Redshift.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_ACCESS_CHECKS_H_
#define MILLRACE_CONNECTORS_REDSHIFT_ACCESS_CHECKS_H_

#include <stop_token>
#include <vector>

#include "connectors/redshift/redshift_spec.h"
#include "connectors/redshift/sql_session.h"
#include "connectors/redshift/target_table.h"
#include "pipeline/destination.h"

namespace millrace::redshift {

// That statements can be executed.
std::vector<AccessCheck> CheckWarehouse(const RedshiftSpec& spec, SqlSession& session,
                                        const std::stop_token& stop);

// The schema, the table and those of its cursor, their columns and the privileges on them.
std::vector<AccessCheck> CheckTable(TargetTable& table, SqlSession& session,
                                    const std::stop_token& stop);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_ACCESS_CHECKS_H_
