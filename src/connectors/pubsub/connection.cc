#include "connectors/pubsub/connection.h"

#include <utility>

#include "auth/google_credentials.h"
#include "base/status.h"
#include "base/strings.h"
#include "connectors/pubsub/connection_internal.h"

namespace millrace::pubsub {
namespace {

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
  ConnectionOptions options{.address = "pubsub.googleapis.com:443"};
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
    ASSIGN_OR_RETURN(GoogleCredentials credentials,
                     FindGoogleCredentials({.environment = environment}));
    grpc_client::UseGoogleCredentials(std::move(credentials), options);
  }
  return std::make_unique<Connection>(std::move(options));
}

Connection::Rpc::Rpc(ConnectionOptions connection_options)
    : options(std::move(connection_options)) {
  const std::shared_ptr<grpc::Channel> channel = grpc_client::OpenChannel(options);
  publisher = google::pubsub::v1::Publisher::NewStub(channel);
  subscriber = google::pubsub::v1::Subscriber::NewStub(channel);
  iam = google::iam::v1::IAMPolicy::NewStub(channel);
}

absl::Status Connection::Rpc::Prepare(grpc::ClientContext& context, std::string_view resource,
                                      std::stop_token stop) const {
  const bool topic = resource.find("/topics/") != std::string_view::npos;
  context.AddMetadata("x-goog-request-params",
                      StrCat(topic ? "topic=" : "subscription=", resource));
  return grpc_client::AddCredentials(options, context, std::move(stop)).status();
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
