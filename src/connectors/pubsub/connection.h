// A connection to Pub/Sub, or to an emulator of it, that subscriptions and publishers share.
#ifndef MILLRACE_CONNECTORS_PUBSUB_CONNECTION_H_
#define MILLRACE_CONNECTORS_PUBSUB_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "grpc_client/channel.h"

namespace millrace::pubsub {

using ConnectionOptions = grpc_client::ChannelOptions;

// PUBSUB_EMULATOR_HOST (host:port) is used without TLS and credentials. Else Pub/Sub itself, or
// another host by CLOUD_PUBSUB_ENDPOINT (a region's: "europe-west1-pubsub.googleapis.com:443").
ConnectionOptions ConnectionOptionsFrom(const Environment& environment);

// Thread-safe. It connects when it is first used, and again when the connection breaks.
class Connection {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  struct Rpc;  // connection_internal.h: what needs the headers of gRPC
  Rpc& rpc() const { return *rpc_; }

  // The address of the emulator; "": it is Pub/Sub itself.
  std::string emulator() const;

 private:
  const std::unique_ptr<Rpc> rpc_;
};

// With ConnectionOptionsFrom(), and with Google's Application Default Credentials unless it is an
// emulator. Sends nothing yet. Errors are those of FindGoogleCredentials().
absl::StatusOr<std::unique_ptr<Connection>> OpenConnection(const Environment& environment);

}  // namespace millrace::pubsub

#endif  // MILLRACE_CONNECTORS_PUBSUB_CONNECTION_H_
