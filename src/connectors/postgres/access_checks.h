// What a role needs to write into a destination's tables, looked up and never changed.
#ifndef MILLRACE_CONNECTORS_POSTGRES_ACCESS_CHECKS_H_
#define MILLRACE_CONNECTORS_POSTGRES_ACCESS_CHECKS_H_

#include <stop_token>
#include <vector>

#include "connectors/postgres/target_table.h"
#include "pipeline/destination.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

// The connection, the server's version, and whether it can be written to. If the first one fails,
// no other check makes sense.
std::vector<AccessCheck> CheckServer(Connection& connection, const std::stop_token& stop);

// The table, its schema and the cursor's tables in it, each with the statement that grants or makes
// what is missing.
std::vector<AccessCheck> CheckTable(Connection& connection, TargetTable& table,
                                    const std::stop_token& stop);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_ACCESS_CHECKS_H_
