#include "cli/pubsub_flags.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "auth/google_credentials.h"
#include "base/status.h"

namespace millrace::cli {

std::string GoogleProject(const Context& context) {
  return context.environment("GOOGLE_CLOUD_PROJECT").value_or("");
}

absl::StatusOr<std::unique_ptr<pubsub::Connection>> ConnectToPubsub(const Context& context) {
  pubsub::ConnectionOptions options = pubsub::ConnectionOptionsFrom(context.environment);
  if (!options.plaintext) {
    GoogleAuthOptions auth{.environment = context.environment};
    ASSIGN_OR_RETURN(GoogleCredentials credentials, FindGoogleCredentials(auth));
    options.credentials = [credentials = std::move(credentials)](
                              std::stop_token stop) -> absl::StatusOr<pubsub::Headers> {
      HttpRequest request;
      RETURN_IF_ERROR(credentials.Authorize(request, std::move(stop)));
      for (auto& [name, value] : request.headers) absl::AsciiStrToLower(&name);
      return std::move(request.headers);
    };
  }
  return std::make_unique<pubsub::Connection>(std::move(options));
}

}  // namespace millrace::cli
