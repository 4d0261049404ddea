#include "connectors/pubsub/connection.h"

#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "auth/google_credentials.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"

namespace millrace::pubsub {
namespace {

// A pull may carry several messages of 10 MB.
constexpr int kMaxReceivedBytes = 64 << 20;

// Empty, which gRPC takes for the system's, if no file is named or it cannot be read: then no
// server is trusted that should not be.
std::string ReadCertificates(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const ConnectionOptions& options) {
  if (options.plaintext) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  if (!options.ca_file.empty()) tls.pem_root_certs = ReadCertificates(options.ca_file);
  return grpc::SslCredentials(tls);
}

std::shared_ptr<grpc::Channel> Open(const ConnectionOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceivedBytes);
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
  return grpc::CreateCustomChannel(options.address, CredentialsOf(options), arguments);
}

absl::StatusCode CodeOf(grpc::StatusCode code) {
  // gRPC and Abseil use the same numbers.
  return static_cast<absl::StatusCode>(static_cast<int>(code));
}

std::string_view AdviceFor(grpc::StatusCode code, bool topic) {
  switch (code) {
    case grpc::StatusCode::NOT_FOUND:
      return topic ? "; create it (millrace destinations create pubsub://PROJECT/TOPIC, or gcloud "
                     "pubsub topics create), or correct its name"
                   : "; create it (gcloud pubsub subscriptions create), or correct its name";
    case grpc::StatusCode::PERMISSION_DENIED:
      return topic ? "; grant the role roles/pubsub.publisher on it"
                   : "; grant the role roles/pubsub.subscriber on it";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "; check the Google credentials (GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth "
             "application-default login)";
    default:
      return "";
  }
}

}  // namespace

ConnectionOptions ConnectionOptionsFrom(const Environment& environment) {
  ConnectionOptions options;
  if (const auto host = environment("PUBSUB_EMULATOR_HOST"); host && !host->empty()) {
    options.address = *host;
    options.plaintext = true;
  } else if (const auto endpoint = environment("CLOUD_PUBSUB_ENDPOINT");
             endpoint && !endpoint->empty()) {
    options.address = *endpoint;
  }
  return options;
}

Connection::Connection(ConnectionOptions options)
    : rpc_(std::make_unique<Rpc>(std::move(options))) {}
Connection::~Connection() = default;

std::string Connection::emulator() const {
  return rpc_->options.plaintext ? rpc_->options.address : "";
}

absl::StatusOr<std::unique_ptr<Connection>> OpenConnection(const Environment& environment) {
  ConnectionOptions options = ConnectionOptionsFrom(environment);
  if (!options.plaintext) {
    GoogleAuthOptions auth{.environment = environment};
    ASSIGN_OR_RETURN(GoogleCredentials credentials, FindGoogleCredentials(auth));
    options.credentials =
        [credentials = std::move(credentials)](std::stop_token stop) -> absl::StatusOr<Headers> {
      HttpRequest request;
      RETURN_IF_ERROR(credentials.Authorize(request, std::move(stop)));
      for (auto& [name, value] : request.headers) absl::AsciiStrToLower(&name);
      return std::move(request.headers);
    };
  }
  return std::make_unique<Connection>(std::move(options));
}

Connection::Rpc::Rpc(ConnectionOptions connection_options)
    : options(std::move(connection_options)) {
  const std::shared_ptr<grpc::Channel> channel = Open(options);
  publisher = google::pubsub::v1::Publisher::NewStub(channel);
  subscriber = google::pubsub::v1::Subscriber::NewStub(channel);
  iam = google::iam::v1::IAMPolicy::NewStub(channel);
}

absl::Status Connection::Rpc::Prepare(grpc::ClientContext& context, std::string_view resource,
                                      std::stop_token stop) const {
  const bool topic = resource.find("/topics/") != std::string_view::npos;
  context.AddMetadata("x-goog-request-params",
                      StrCat(topic ? "topic=" : "subscription=", resource));
  if (options.plaintext || !options.credentials) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Headers headers, options.credentials(std::move(stop)));
  for (const auto& [name, value] : headers) context.AddMetadata(name, value);
  return absl::OkStatus();
}

absl::Status PlainStatusOf(const grpc::Status& status, std::string_view resource) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(CodeOf(status.error_code()),
                      StrCat(resource, ": ", status.error_message().substr(0, 1000)));
}

absl::Status StatusOf(const grpc::Status& status, std::string_view resource) {
  const absl::Status plain = PlainStatusOf(status, resource);
  const bool topic = resource.find("/topics/") != std::string_view::npos;
  const std::string_view advice = AdviceFor(status.error_code(), topic);
  if (advice.empty()) return plain;
  return absl::Status(plain.code(), StrCat(plain.message(), advice));
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:  // by the server: our own stops are checked first
      return true;
    default:
      return false;
  }
}

}  // namespace millrace::pubsub
