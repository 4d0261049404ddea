// The flags that select dead letters in `millrace dlq` verbs.
#ifndef MILLRACE_CLI_DLQ_FLAGS_H_
#define MILLRACE_CLI_DLQ_FLAGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "connectors/dead_letter_files/dead_letter_reader.h"

namespace millrace::cli {

// --code, --object, --since.
struct DlqFlags {
  std::string code;
  std::string object;
  std::string since;

  void AddTo(std::vector<Flag>& flags);
  // InvalidArgument if --since is neither a time nor a duration before `now`.
  absl::StatusOr<DeadLetterFilter> Filter(absl::Time now) const;
};

// NotFound: the error of a verb that was given an ID that no record has.
absl::Status NoRecordHasId(std::string_view id);

// Prints a warning line if `scan` found lines that are not dead letters.
void WarnOfDamage(const DeadLetterScan& scan, Context& context);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_DLQ_FLAGS_H_
