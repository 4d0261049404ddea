// The gRPC side of channel.h.
#ifndef MILLRACE_GRPC_CLIENT_CHANNEL_INTERNAL_H_
#define MILLRACE_GRPC_CLIENT_CHANNEL_INTERNAL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "absl/status/statusor.h"
#include "grpc_client/channel.h"

namespace millrace::grpc_client {

// Connects when it is first used, and again when the connection breaks. A peer that disappeared is
// noticed within about a minute. It does not retry. Messages of up to 64 MiB are received.
std::shared_ptr<grpc::Channel> OpenChannel(const ChannelOptions& options);

// Puts the headers for authentication into the context of a call, and returns them. Errors come
// from the credentials.
absl::StatusOr<Headers> AddCredentials(const ChannelOptions& options, grpc::ClientContext& context,
                                       std::stop_token stop);

// Ends `context`'s call when `stop` is requested.
class CancelOnStop {
 public:
  CancelOnStop(grpc::ClientContext& context, std::stop_token stop)
      : callback_(std::move(stop), [&context] { context.TryCancel(); }) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace millrace::grpc_client

#endif  // MILLRACE_GRPC_CLIENT_CHANNEL_INTERNAL_H_
