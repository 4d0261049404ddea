// PostgreSQL as a destination: tables of events, users and groups (docs/connectors/postgres.md).
#ifndef MILLRACE_CONNECTORS_POSTGRES_POSTGRES_DESTINATION_H_
#define MILLRACE_CONNECTORS_POSTGRES_POSTGRES_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "pipeline/destination.h"

namespace millrace {

// Direct, with a cursor that the server keeps, so that delivery is exactly once. `uri` is
// "postgres://user@host:5432/db?table=T..." (TableSpec::Parse). Connects to nothing. Missing tables
// are made when they are first needed, if the role may. InvalidArgument: the URI cannot be used.
absl::StatusOr<std::unique_ptr<Destination>> OpenPostgresDestination(std::string_view uri,
                                                                     Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_POSTGRES_POSTGRES_DESTINATION_H_
