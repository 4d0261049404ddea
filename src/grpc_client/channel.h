// Connections to services that speak gRPC: where they are, and who calls.
#ifndef MILLRACE_GRPC_CLIENT_CHANNEL_H_
#define MILLRACE_GRPC_CLIENT_CHANNEL_H_

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "auth/google_credentials.h"

namespace millrace::grpc_client {

using Headers = std::vector<std::pair<std::string, std::string>>;  // names in lower case

struct ChannelOptions {
  std::string address;     // "pubsub.googleapis.com:443"
  bool plaintext = false;  // without TLS: for servers on this machine
  std::string ca_file;     // certificates to trust (PEM) instead of the system's
  // Returns the headers for authentication ("authorization"); called before each call, from any
  // thread; may block. Unset: no headers.
  std::function<absl::StatusOr<Headers>(std::stop_token stop)> credentials;
  // A call with these headers was refused as UNAUTHENTICATED (true: the next one has others, so it
  // may be made again), or let in. Unset: a retry will not help.
  std::function<bool(const Headers& headers)> refused;
  std::function<void()> accepted;
};

// Makes calls with `credentials`.
void UseGoogleCredentials(GoogleCredentials credentials, ChannelOptions& options);

}  // namespace millrace::grpc_client

#endif  // MILLRACE_GRPC_CLIENT_CHANNEL_H_
