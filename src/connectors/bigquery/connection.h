// A connection to BigQuery's Storage Write API, or to an emulator of it, that all streams share.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_H_
#define MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_H_

#include <memory>

#include "grpc_client/channel.h"

namespace millrace::bigquery {

using ConnectionOptions = grpc_client::ChannelOptions;

// Thread-safe. It connects when it is first used, and again when the connection breaks.
class Connection {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  struct Rpc;  // connection_internal.h: what needs the headers of gRPC
  Rpc& rpc() const { return *rpc_; }

 private:
  const std::unique_ptr<Rpc> rpc_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_H_
