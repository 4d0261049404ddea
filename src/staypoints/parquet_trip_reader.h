#ifndef MILLRACE_STAYPOINTS_PARQUET_TRIP_READER_H_
#define MILLRACE_STAYPOINTS_PARQUET_TRIP_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "staypoints/trip_reader.h"

namespace millrace {

// See TripReader::Open(). Parts are row groups; `object` is `file`, opened.
absl::StatusOr<std::unique_ptr<TripReader>> OpenParquetTrips(const TripFile& file,
                                                             std::shared_ptr<ObjectReader> object);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_PARQUET_TRIP_READER_H_
