// Errors as they arrive over gRPC.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_WIRE_ERRORS_INTERNAL_H_
#define MILLRACE_CONNECTORS_BIGQUERY_WIRE_ERRORS_INTERNAL_H_

#include <grpcpp/support/status.h>

#include "connectors/bigquery/bigquery_storage.pb.h"
#include "connectors/bigquery/storage_errors.h"

namespace millrace::bigquery {

// Of a call: its code, message, and the StorageError in its details.
StorageError ErrorOf(const grpc::Status& status);
// Of one request of AppendRows.
StorageError ErrorOf(const google::cloud::bigquery::storage::v1::RpcStatus& status);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_WIRE_ERRORS_INTERNAL_H_
