// How records are sent: the flags that import and watch share.
#ifndef MILLRACE_CLI_DELIVERY_FLAGS_H_
#define MILLRACE_CLI_DELIVERY_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "import/import.h"

namespace millrace::cli {

struct DeliveryFlags {
  std::string compression = "auto";
  int64_t connections = 20;
  double events_per_second = 30'000;
  double gigabytes_per_minute = 2;
  int64_t batch_events = 2000;
  int64_t batch_bytes = 9'600'000;
  int64_t memory_mb = 64;
  absl::Duration retry_initial = absl::Seconds(2);
  absl::Duration retry_most = absl::Seconds(60);
  absl::Duration retry_for = absl::Minutes(5);
  absl::Duration stop_grace = absl::Seconds(10);
  absl::Duration lease = absl::Minutes(5);

  void AddTo(std::vector<Flag>& flags);
  // Sets what the flags say. InvalidArgument names the flag that is out of its range.
  absl::Status ApplyTo(ImportRequest& request) const;

 private:
  absl::Status Check() const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_DELIVERY_FLAGS_H_
