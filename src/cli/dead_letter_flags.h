// Where rejected records go: a folder, Pub/Sub topics, or one kind to a folder and one to a topic.
#ifndef MILLRACE_CLI_DEAD_LETTER_FLAGS_H_
#define MILLRACE_CLI_DEAD_LETTER_FLAGS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/shared_flags.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace::cli {

// --dlq_topic_transform_errors, --dlq_topic_api_errors.
struct DeadLetterFlags {
  std::string transform_topic;
  std::string api_topic;

  void AddTo(std::vector<Flag>& flags);
  // Whether some records go to a topic instead of the folder.
  bool UsesTopics(const StateFlags& state) const;
  // A kind without its own topic goes to the destination of --dlq, by default a folder in the state
  // folder. InvalidArgument if a flag names no topic; errors of Google credentials. Topics are not
  // checked before the first record is published. After a stop, publishing ends within
  // `stop_grace`.
  absl::StatusOr<std::unique_ptr<DeadLetterQueue>> Open(const StateFlags& state,
                                                        absl::Duration stop_grace,
                                                        const Context& context) const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_DEAD_LETTER_FLAGS_H_
