// The source of the trips of a staypoints run, as its flags describe it.
#ifndef MILLRACE_CLI_TRIP_INPUTS_H_
#define MILLRACE_CLI_TRIP_INPUTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "staypoints/trip_source.h"
#include "stores/open_store.h"

namespace millrace::cli {

// Flags for Iceberg tables only.
struct IcebergFlags {
  std::string snapshot_id;
  std::string as_of;
  std::string from;
  std::string to;

  void AddTo(std::vector<Flag>& flags);
};

// A source for `inputs`: paths, folders and globs, or one iceberg:TABLE. InvalidArgument if they
// are mixed, or if a flag is invalid. `as_files` is passed to NewFileTrips().
absl::StatusOr<std::unique_ptr<TripSource>> OpenTripInputs(const std::vector<std::string>& inputs,
                                                           const IcebergFlags& flags,
                                                           TripColumnRefs columns,
                                                           StoreOptions stores, bool as_files);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_TRIP_INPUTS_H_
