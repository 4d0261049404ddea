// What a failed statement means for a write or a read.
#ifndef MILLRACE_CONNECTORS_POSTGRES_WRITE_ERRORS_H_
#define MILLRACE_CONNECTORS_POSTGRES_WRITE_ERRORS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "connectors/postgres/table_spec.h"
#include "pipeline/sink.h"
#include "postgres_client/server_error.h"

namespace millrace::postgres {

// Retry or Stop, with what the user can do. `why` is the status of the call that failed, `error`
// what the server said.
WriteResult FailedWrite(const absl::Status& why, const ServerError& error, const TableName& table);

// A permission that is missing, a table or a column, in words that say what to do; other statuses
// as they are.
absl::Status Explain(const absl::Status& why, const ServerError& error, const TableName& table);

// The same for a statement that reads the events of `table`.
absl::Status ExplainRead(const absl::Status& why, const ServerError& error, const TableName& table);

// FailedPrecondition, with the remedy: the server stored fewer rows than it was sent, and refused
// none.
absl::Status CheckStored(const TableName& table, uint64_t stored, uint64_t sent);

// A row that the server blames with `error`; its number is not set.
RefusedRow RefusalOf(const ServerError& error);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_WRITE_ERRORS_H_
