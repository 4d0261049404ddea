// Scripts of rows and the cursor, executed by Redshift.
#ifndef MILLRACE_CONNECTORS_REDSHIFT_SCRIPT_RUNNER_H_
#define MILLRACE_CONNECTORS_REDSHIFT_SCRIPT_RUNNER_H_

#include <memory>

#include "connectors/redshift/sql_session.h"
#include "connectors/redshift/target_table.h"
#include "sql_delivery/script.h"

namespace millrace::redshift {

// `table` outlives it.
std::unique_ptr<sql_delivery::ScriptRunner> NewScriptRunner(TargetTable& table,
                                                            std::unique_ptr<SqlSession> session);

}  // namespace millrace::redshift

#endif  // MILLRACE_CONNECTORS_REDSHIFT_SCRIPT_RUNNER_H_
