// How verbs reach Pub/Sub.
#ifndef MILLRACE_CLI_PUBSUB_FLAGS_H_
#define MILLRACE_CLI_PUBSUB_FLAGS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "connectors/pubsub/connection.h"

namespace millrace::cli {

// The project of names that include none: GOOGLE_CLOUD_PROJECT, or "".
std::string GoogleProject(const Context& context);

// Connects to PUBSUB_EMULATOR_HOST without credentials, else to Pub/Sub with the Google credentials
// of this machine. Sends nothing yet.
absl::StatusOr<std::unique_ptr<pubsub::Connection>> ConnectToPubsub(const Context& context);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PUBSUB_FLAGS_H_
