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
  TimeRange starts;                             // only trips that start in it count
  TripColumnRefs names = DefaultTripColumns();  // field ids are not looked at
  StoreOptions stores;                          // how the table is reached
};

// The files of the snapshot that was chosen, with its deletes and the range of time as filters.
// Columns are found by field id, so a column that was renamed is found in older files as well; one
// that was added later is null in them. List() fails as IcebergTable does, and with
// InvalidArgument, listing the table's columns, if a column is not there, or is no timestamp where
// a range is asked for. Stores are opened once for each place and live as long as the source.
std::unique_ptr<TripSource> NewIcebergTrips(IcebergTripsOptions options);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_ICEBERG_TRIPS_H_
