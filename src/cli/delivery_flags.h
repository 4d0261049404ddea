// How records are sent: the flags that import and watch share.
#ifndef MILLRACE_CLI_DELIVERY_FLAGS_H_
#define MILLRACE_CLI_DELIVERY_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/staging_flag.h"
#include "cli/throughput_flags.h"
#include "connectors/mixpanel/mixpanel_destination.h"
#include "import/import.h"

namespace millrace::cli {

struct DeliveryFlags {
  ThroughputFlags throughput;
  StagingFlag staging;
  std::string compression = "auto";
  absl::Duration retry_initial = absl::Seconds(2);
  absl::Duration retry_max = absl::Seconds(60);
  absl::Duration retry_timeout = absl::Minutes(5);
  absl::Duration stop_grace = absl::Seconds(10);
  absl::Duration lease = absl::Minutes(5);

  void AddTo(std::vector<Flag>& flags);
  // Applies the flags. InvalidArgument names the flag that is wrong.
  absl::Status ApplyTo(ImportRequest& request) const;
  absl::Status ApplyTo(mixpanel::DestinationOptions& options) const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_DELIVERY_FLAGS_H_
