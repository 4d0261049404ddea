// The gRPC side of a Connection.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_
#define MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "connectors/bigquery/bigquery_storage.grpc.pb.h"
#include "connectors/bigquery/connection.h"

namespace millrace::bigquery {

namespace wire = google::cloud::bigquery::storage::v1;

struct Connection::Rpc {
  explicit Rpc(ConnectionOptions connection_options);

  // Puts credentials into the context of a call, and the routing header, which BigQuery requires
  // outside of the region US: `route` is "write_stream=NAME", "parent=NAME" or "name=NAME". Errors
  // come from the credentials.
  absl::Status Prepare(grpc::ClientContext& context, std::string_view route,
                       std::stop_token stop) const;

  const ConnectionOptions options;
  std::unique_ptr<wire::BigQueryWrite::Stub> write;
};

// Ends `context`'s call when `stop` is requested.
class CancelOnStop {
 public:
  CancelOnStop(grpc::ClientContext& context, std::stop_token stop)
      : callback_(std::move(stop), [&context] { context.TryCancel(); }) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_INTERNAL_H_
