// What `millrace destinations check` asks Snowflake.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_ACCESS_CHECKS_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_ACCESS_CHECKS_H_

#include <stop_token>
#include <vector>

#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"
#include "connectors/snowflake/target_table.h"
#include "pipeline/destination.h"

namespace millrace::snowflake {

// The sign-in, the role, the warehouse and the schema. The first one that fails is the last.
std::vector<AccessCheck> CheckAccount(const SnowflakeSpec& spec, SqlClient& client,
                                      const std::stop_token& stop);

// The table and its columns, and whether the role may insert into it: a statement that inserts no
// row finds out.
std::vector<AccessCheck> CheckTable(const SnowflakeSpec& spec, TargetTable& table,
                                    SqlClient& client, const std::stop_token& stop);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_ACCESS_CHECKS_H_
