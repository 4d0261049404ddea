// Which dead letters a `millrace dlq` verb is about.
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

// NotFound: what a verb says that was given the ID of no record.
absl::Status NoRecordHasId(std::string_view id);

// A warning line if `scan` met lines that are no dead letters.
void WarnOfDamage(const DeadLetterScan& scan, Context& context);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_DLQ_FLAGS_H_
