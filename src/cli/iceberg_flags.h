// Flags that choose what is read of an input "iceberg:TABLE".
#ifndef MILLRACE_CLI_ICEBERG_FLAGS_H_
#define MILLRACE_CLI_ICEBERG_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/command.h"
#include "iceberg/table_metadata.h"
#include "iceberg/time_range.h"
#include "import/import.h"

namespace millrace::cli {

struct IcebergFlags {
  std::string snapshot_id;
  std::string as_of;
  std::string since;
  std::string until;

  void AddTo(std::vector<Flag>& flags);
  // The same for trips; staypoints called --since and --until --from and --to.
  void AddForTripsTo(std::vector<Flag>& flags);

  absl::StatusOr<SnapshotChoice> Snapshot() const;
  absl::StatusOr<TimeRange> Times() const;

  // InvalidArgument if a flag is given and no input is a table.
  absl::Status CheckInputs(absl::Span<const std::string> inputs) const;
  // Sets request.tables by the flags.
  absl::Status ApplyTo(ImportRequest& request) const;

 private:
  void AddSnapshotTo(std::vector<Flag>& flags);
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_ICEBERG_FLAGS_H_
