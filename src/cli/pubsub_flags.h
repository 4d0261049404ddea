// How verbs reach Pub/Sub.
#ifndef MILLRACE_CLI_PUBSUB_FLAGS_H_
#define MILLRACE_CLI_PUBSUB_FLAGS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "connectors/pubsub/connection.h"

namespace millrace::cli {

// The project of names that do not say one: GOOGLE_CLOUD_PROJECT, or "".
std::string GoogleProject(const Context& context);

// To PUBSUB_EMULATOR_HOST as it is, else to Pub/Sub with the Google credentials of this machine.
// Nothing is sent yet.
absl::StatusOr<std::unique_ptr<pubsub::Connection>> ConnectToPubsub(const Context& context);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PUBSUB_FLAGS_H_
