// --staging-max, for verbs that write to staged destinations.
#ifndef MILLRACE_CLI_STAGING_FLAG_H_
#define MILLRACE_CLI_STAGING_FLAG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/command.h"
#include "pipeline/run.h"

namespace millrace::cli {

struct StagingFlag {
  std::string max;  // a size; empty: the limit of the destination

  void AddTo(std::vector<Flag>& flags);
  // InvalidArgument if it is not a size or too small.
  absl::Status ApplyTo(RunOptions& options) const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_STAGING_FLAG_H_
