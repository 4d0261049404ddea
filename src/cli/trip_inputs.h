// The source of the trips of a staypoints run, as its flags describe it.
#ifndef MILLRACE_CLI_TRIP_INPUTS_H_
#define MILLRACE_CLI_TRIP_INPUTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/iceberg_flags.h"
#include "staypoints/trip_source.h"
#include "stores/open_store.h"

namespace millrace::cli {

// A source for `inputs`: paths, folders and globs, or one iceberg:TABLE. InvalidArgument if they
// are mixed, or if a flag is invalid. `as_files` is passed to NewFileTrips().
absl::StatusOr<std::unique_ptr<TripSource>> OpenTripInputs(const std::vector<std::string>& inputs,
                                                           const IcebergFlags& flags,
                                                           TripColumnRefs columns,
                                                           StoreOptions stores, bool as_files);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_TRIP_INPUTS_H_
