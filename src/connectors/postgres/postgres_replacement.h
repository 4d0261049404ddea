// Replaces rows of a table: new ones are collected in a table beside it, and one transaction
// deletes the old ones and inserts them.
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_REPLACEMENT_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_REPLACEMENT_H_

#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "connectors/postgres/target_table.h"
#include "pipeline/destination.h"
#include "pipeline/replacement.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

// What a replacement uses; all of it outlives it.
struct ReplacementParts {
  const Address& address;
  TargetTable& table;
  Traffic& traffic;
  Clock& clock;
};

// The table beside it is named by the table and the scope, so that an attempt finds and removes
// what an earlier one of the same scope has left. InvalidArgument: the table has no column of times
// to tell the rows of `scope` by, or `scope` is empty.
absl::StatusOr<std::unique_ptr<Replacement>> NewPostgresReplacement(const ReplacementParts& parts,
                                                                    const Scope& scope);

// The beginning of the names of all tables in which rows of `table` are collected.
std::string CollectingPrefix(const TableName& table);

// Drops all of them.
absl::Status DropCollecting(Connection& connection, const TableName& table,
                            const std::stop_token& stop);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_REPLACEMENT_H_
