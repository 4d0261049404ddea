#ifndef MILLRACE_STAYPOINTS_TEXT_TRIP_READER_H_
#define MILLRACE_STAYPOINTS_TEXT_TRIP_READER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "staypoints/trip_reader.h"

namespace millrace {

// See TripReader::Open(). CSV, TSV and NDJSON, also compressed; parts are some thousand rows.
// Unimplemented if `file` has deleted rows, filters or field ids, which no table has for text.
absl::StatusOr<std::unique_ptr<TripReader>> OpenTextTrips(const TripFile& file,
                                                          std::shared_ptr<ObjectReader> object);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TEXT_TRIP_READER_H_
