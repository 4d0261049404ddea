// Deletes the rows of users.
#ifndef MILLRACE_CONNECTORS_POSTGRES_USER_DELETION_H_
#define MILLRACE_CONNECTORS_POSTGRES_USER_DELETION_H_

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/record_type.h"
#include "connectors/postgres/target_table.h"
#include "postgres_client/connection.h"

namespace millrace::postgres {

// Deletes the rows of `table`, of events or users, whose distinct_id is one of these, 1,000 ids a
// transaction. A table that does not exist has none. Returns how many rows. Errors are those of
// Connection::Execute(), which may be repeated.
absl::StatusOr<uint64_t> DeleteUserRows(const Address& address, const TargetTable& table,
                                        RecordType type, absl::Span<const std::string> distinct_ids,
                                        std::stop_token stop);

}  // namespace millrace::postgres

#endif  // MILLRACE_CONNECTORS_POSTGRES_USER_DELETION_H_
