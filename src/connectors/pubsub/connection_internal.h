// The gRPC side of a Connection.
#ifndef MILLRACE_CONNECTORS_PUBSUB_CONNECTION_INTERNAL_H_
#define MILLRACE_CONNECTORS_PUBSUB_CONNECTION_INTERNAL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/time/time.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/iam_policy.grpc.pb.h"
#include "connectors/pubsub/pubsub.grpc.pb.h"
#include "grpc_client/channel_internal.h"

namespace millrace::pubsub {

struct Connection::Rpc {
  explicit Rpc(ConnectionOptions connection_options);

  // Puts credentials into the context of a call on `resource`, which is also the routing header for
  // proxies. Errors come from the credentials.
  absl::Status Prepare(grpc::ClientContext& context, std::string_view resource,
                       std::stop_token stop) const;

  const ConnectionOptions options;
  std::unique_ptr<google::pubsub::v1::Publisher::Stub> publisher;
  std::unique_ptr<google::pubsub::v1::Subscriber::Stub> subscriber;
  std::unique_ptr<google::iam::v1::IAMPolicy::Stub> iam;
};

// A failed call as a message for the user, with what to do if that is known: which role is missing,
// what to create. `resource` is the full name of the topic or subscription.
absl::Status StatusOf(const grpc::Status& status, std::string_view resource);
// The same without what to do.
absl::Status PlainStatusOf(const grpc::Status& status, std::string_view resource);

// Whether the same call may succeed later.
bool IsTransient(const absl::Status& status);

using grpc_client::CancelOnStop;

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_CONNECTION_INTERNAL_H_
