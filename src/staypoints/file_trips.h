// Trips in files that are named by paths, folders and globs.
#ifndef MILLRACE_STAYPOINTS_FILE_TRIPS_H_
#define MILLRACE_STAYPOINTS_FILE_TRIPS_H_

#include <memory>
#include <string>
#include <vector>

#include "staypoints/trip_source.h"
#include "stores/open_store.h"

namespace millrace {

// All objects that match `inputs` (see ObjectStore::List()), each once. An input without a match is
// NotFound; a table of Delta, Iceberg or Hudi is InvalidArgument, unless `as_files`. Files of
// unknown content types are rejected when they are read.
std::unique_ptr<TripSource> NewFileTrips(std::vector<std::string> inputs, TripColumnRefs columns,
                                         StoreOptions stores, bool as_files = false);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_FILE_TRIPS_H_
