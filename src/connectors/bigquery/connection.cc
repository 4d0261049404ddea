#include "connectors/bigquery/connection.h"

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/status.h"
#include "base/strings.h"
#include "connectors/bigquery/connection_internal.h"

namespace millrace::bigquery {
namespace {

std::shared_ptr<grpc::Channel> Open(const ConnectionOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("millrace");
  // A peer that disappeared silently is noticed within about a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // We time the retries; the channel must be ready to connect when we retry.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Two connections to one address are separate, so that one that breaks does not affect the other.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto credentials =
      options.plaintext ? grpc::InsecureChannelCredentials() : grpc::SslCredentials({});
  return grpc::CreateCustomChannel(options.address, credentials, arguments);
}

}  // namespace

Connection::Connection(ConnectionOptions options)
    : rpc_(std::make_unique<Rpc>(std::move(options))) {}
Connection::~Connection() = default;

Connection::Rpc::Rpc(ConnectionOptions connection_options)
    : options(std::move(connection_options)), write(wire::BigQueryWrite::NewStub(Open(options))) {}

absl::Status Connection::Rpc::Prepare(grpc::ClientContext& context, std::string_view route,
                                      std::stop_token stop) const {
  context.AddMetadata("x-goog-request-params", std::string(route));
  if (options.plaintext || !options.credentials) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Headers headers, options.credentials(std::move(stop)));
  for (const auto& [name, value] : headers) context.AddMetadata(name, value);
  return absl::OkStatus();
}

}  // namespace millrace::bigquery
