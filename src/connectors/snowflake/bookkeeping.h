// The tables that Millrace keeps beside the tables of records, in the same schema.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_BOOKKEEPING_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_BOOKKEEPING_H_

#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/sql_client.h"

namespace millrace::snowflake {

// The table with one row, which every transaction updates: an UPDATE holds the lock of the row
// until its transaction ends, while INSERT and COPY alone would not wait for each other.
inline constexpr std::string_view kLockTable = "MILLRACE_LOCK";

std::string LockSql(const SnowflakeSpec& spec);

struct BookTable {
  std::string_view name;
  std::string columns;  // as in CREATE TABLE
};

// Makes the lock and `tables`, where they are missing, in a schema that exists.
absl::Status CreateBooks(const SnowflakeSpec& spec, absl::Span<const BookTable> tables,
                         SqlClient& client, const std::stop_token& stop);

// Drops `tables` if the first of them is empty, and the lock if no other table of Millrace is left.
// It is no error if they are not there.
absl::Status DropBooks(const SnowflakeSpec& spec, absl::Span<const std::string_view> tables,
                       SqlClient& client, const std::stop_token& stop);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_BOOKKEEPING_H_
