#include "cli/trip_inputs.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "staypoints/file_trips.h"
#include "staypoints/iceberg_trips.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kIceberg = "iceberg:";

}  // namespace

absl::StatusOr<std::unique_ptr<TripSource>> OpenTripInputs(const std::vector<std::string>& inputs,
                                                           const IcebergFlags& flags,
                                                           TripColumnRefs columns,
                                                           StoreOptions stores, bool as_files) {
  const auto is_table = [](std::string_view input) { return input.starts_with(kIceberg); };
  const auto tables = std::count_if(inputs.begin(), inputs.end(), is_table);
  if (tables == 0) {
    RETURN_IF_ERROR(flags.CheckInputs(inputs));
    return NewFileTrips(inputs, std::move(columns), std::move(stores), as_files);
  }
  if (inputs.size() > 1) {
    return absl::InvalidArgumentError("an Iceberg table must be the only input");
  }
  IcebergTripsOptions options;
  options.table = inputs[0].substr(kIceberg.size());
  options.names = std::move(columns);
  options.stores = std::move(stores);
  ASSIGN_OR_RETURN(options.snapshot, flags.Snapshot());
  ASSIGN_OR_RETURN(options.starts, flags.Times());
  return NewIcebergTrips(std::move(options));
}

}  // namespace millrace::cli
