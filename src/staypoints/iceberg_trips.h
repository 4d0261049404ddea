// Trips of an Iceberg table.
#ifndef MILLRACE_STAYPOINTS_ICEBERG_TRIPS_H_
#define MILLRACE_STAYPOINTS_ICEBERG_TRIPS_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "iceberg/table.h"
#include "staypoints/trip_source.h"
#include "stores/open_store.h"

namespace millrace {

struct IcebergTripsOptions {
  std::string table;  // as IcebergTable::Open takes it
  SnapshotChoice snapshot;
  TimeRange starts;                             // only trips that start in it are read
  TripColumnRefs names = DefaultTripColumns();  // field ids are ignored
  StoreOptions stores;                          // access to the table
};

// The files of the chosen snapshot, with its deletes and the time range as filters. Columns are
// found by field id, so a renamed column is found in older files as well; a column that was added
// later is null in them. List() fails as IcebergTable does, and with InvalidArgument, listing the
// table's columns, if a column does not exist, or is not a timestamp when a range is requested.
// Stores are opened once for each place and live as long as the source.
std::unique_ptr<TripSource> NewIcebergTrips(IcebergTripsOptions options);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_ICEBERG_TRIPS_H_
