// How verbs name topics and subscriptions of Pub/Sub.
#ifndef MILLRACE_CLI_PUBSUB_FLAGS_H_
#define MILLRACE_CLI_PUBSUB_FLAGS_H_

#include <string>

#include "cli/command.h"

namespace millrace::cli {

// The project of names that include none: GOOGLE_CLOUD_PROJECT, or "".
inline std::string GoogleProject(const Context& context) {
  return context.environment("GOOGLE_CLOUD_PROJECT").value_or("");
}

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_PUBSUB_FLAGS_H_
