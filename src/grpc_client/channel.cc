#include "grpc_client/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/ascii.h"
#include "auth/token_renewal.h"
#include "base/status.h"
#include "grpc_client/channel_internal.h"

namespace millrace::grpc_client {
namespace {

// A pull from Pub/Sub may carry several messages of 10 MB.
constexpr int kMaxReceivedBytes = 64 << 20;

// Empty, which gRPC takes for the system's, if no file is named or it cannot be read: then no
// server is trusted that should not be.
std::string ReadCertificates(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const ChannelOptions& options) {
  if (options.plaintext) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  if (!options.ca_file.empty()) tls.pem_root_certs = ReadCertificates(options.ca_file);
  return grpc::SslCredentials(tls);
}

}  // namespace

void UseGoogleCredentials(GoogleCredentials credentials, ChannelOptions& options) {
  const auto renewal = std::make_shared<TokenRenewal>(credentials.tokens);
  options.refused = [renewal](const Headers& headers) {
    for (const auto& [name, value] : headers) {
      if (name == "authorization") return renewal->Refused(value);
    }
    return false;
  };
  options.accepted = [renewal] { renewal->Accepted(); };
  options.credentials =
      [credentials = std::move(credentials)](std::stop_token stop) -> absl::StatusOr<Headers> {
    HttpRequest request;
    RETURN_IF_ERROR(credentials.Authorize(request, std::move(stop)));
    for (auto& [name, value] : request.headers) absl::AsciiStrToLower(&name);
    return std::move(request.headers);
  };
}

std::shared_ptr<grpc::Channel> OpenChannel(const ChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceivedBytes);
  arguments.SetUserAgentPrefix("millrace");
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // We time the retries; the channel must be ready to connect when we retry.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Two connections to one address are separate, so that one that breaks does not affect the other.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(options.address, CredentialsOf(options), arguments);
}

absl::StatusOr<Headers> AddCredentials(const ChannelOptions& options, grpc::ClientContext& context,
                                       std::stop_token stop) {
  if (!options.credentials) return Headers();
  ASSIGN_OR_RETURN(Headers headers, options.credentials(std::move(stop)));
  for (const auto& [name, value] : headers) context.AddMetadata(name, value);
  return headers;
}

}  // namespace millrace::grpc_client
