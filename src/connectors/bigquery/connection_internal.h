// The gRPC side of a Connection.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_
#define MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/status/statusor.h"
#include "connectors/bigquery/bigquery_storage.grpc.pb.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/storage_errors.h"
#include "grpc_client/channel_internal.h"

namespace millrace::bigquery {

namespace wire = google::cloud::bigquery::storage::v1;

using grpc_client::CancelOnStop;
using grpc_client::Headers;

struct Connection::Rpc {
  explicit Rpc(ConnectionOptions connection_options);

  // Puts credentials into the context of a call, and the routing header, which BigQuery requires
  // outside of the region US: `route` is "write_stream=NAME", "parent=NAME" or "name=NAME". Returns
  // the credentials, for Judge(). Errors come from them.
  absl::StatusOr<Headers> Prepare(grpc::ClientContext& context, std::string_view route,
                                  std::stop_token stop) const;

  // `error` of a call with these credentials; Unavailable instead of Unauthenticated if the next
  // call has other ones.
  StorageError Judge(StorageError error, const Headers& credentials) const;

  const ConnectionOptions options;
  std::unique_ptr<wire::BigQueryWrite::Stub> write;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_
