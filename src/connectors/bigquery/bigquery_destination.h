// Tables in BigQuery as a destination (docs/connectors/bigquery.md).
#ifndef MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_
#define MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "pipeline/destination.h"

namespace millrace {

// Staged, but for method=insert_all. `uri` is "bigquery://PROJECT/DATASET?table=T..."
// (TableSpec::Parse). Credentials are Google's Application Default Credentials.
// BIGQUERY_EMULATOR_HOST (REST) and BIGQUERY_STORAGE_EMULATOR_HOST (gRPC), both host:port, are used
// without TLS and credentials. InvalidArgument: the URI cannot be used, or one of the two is
// missing; or as FindGoogleCredentials().
absl::StatusOr<std::unique_ptr<Destination>> OpenBigqueryDestination(std::string_view uri,
                                                                     const Environment& environment,
                                                                     Clock& clock);

}  // namespace millrace

#endif  // MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_DESTINATION_H_
