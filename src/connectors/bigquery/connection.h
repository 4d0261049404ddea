// A connection to BigQuery's Storage Write API, or to an emulator of it, that all streams share.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_H_
#define MILLRACE_CONNECTORS_BIGQUERY_CONNECTION_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::bigquery {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct ConnectionOptions {
  std::string address = "bigquerystorage.googleapis.com:443";
  // Without TLS and credentials: for emulators on this machine.
  bool plaintext = false;
  // Returns the headers for authentication ("authorization"); called before each call, from any
  // thread; may block. Unset: no headers. Not used with `plaintext`.
  std::function<absl::StatusOr<Headers>(std::stop_token stop)> credentials;
};

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
