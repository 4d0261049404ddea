// Stored values to the parts of a trip, and what makes a trip impossible.
//
//   user_id       text (UTF-8, at most 1,024 bytes), a UUID, or a whole number, as its digits
//   times         a timestamp of any unit; without zone it is UTC; nanoseconds are cut to
//                 microseconds, towards the past. Text: ISO 8601 (formats/time_text.h). Years 0001
//                 to 9999.
//   coordinates   numbers; latitudes from -90 to 90, longitudes from -180 to 180
//
// Nulls stay nulls, but for the user id.
#ifndef MILLRACE_STAYPOINTS_TRIP_VALUES_H_
#define MILLRACE_STAYPOINTS_TRIP_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "formats/parquet_cells.h"
#include "formats/parquet_leaf_column.h"
#include "formats/parquet_schema.h"
#include "formats/value.h"
#include "pipeline/dead_letter_queue.h"
#include "staypoints/staypoint_block.h"
#include "staypoints/trip_record.h"
#include "staypoints/trip_source.h"

namespace millrace {

// A value that is not a time, or not a coordinate; never in an accepted trip.
inline constexpr int64_t kBadTime = kNullTime - 1;
extern const double kBadCoordinate;

// kNullTime, kBadTime, or the time.
int64_t TimeOf(const Value& value);
// kNullCoordinate, kBadCoordinate, or the number, which may be out of range.
double CoordinateOf(const Value& value);
// The id as text, a view of the value or of `scratch`, whose content is replaced. False if the
// value cannot be an id, is null or blank.
bool ReadId(const Value& value, ByteBuffer& scratch, std::string_view& id);

// InvalidArgument, naming the column, if a Parquet column cannot be `column` of a trip.
absl::Status CheckTripLeaf(TripColumn column, const std::string& name, const ParquetLeaf& leaf);

// `rows` values of a column that passed CheckTripLeaf() (null: the column is missing, all values
// are null).
void ReadTimes(const ParquetLeaf* leaf, const LeafColumn& column, size_t rows, CellContext& context,
               std::vector<int64_t>& to);
void ReadCoordinates(const ParquetLeaf* leaf, const LeafColumn& column, size_t rows,
                     CellContext& context, std::vector<double>& to);

// True if the times and coordinates of `trip` are possible, and the id is present.
bool IsPossible(const Trip& trip, bool has_id, bool id_is_utf8);

// Why an impossible trip is rejected: code, field and message. `names` are those of the columns,
// `values` the values that were read; null pointer: not known.
Rejection WhyImpossible(const Trip& trip, bool has_id, bool id_is_utf8, const TripColumnRefs& names,
                        const Value* values);

// The values as one JSON object, for the dead letter.
std::string TripAsJson(const TripColumnRefs& names, const Value* values);

// The end of a message about a missing column, the `column`th of a file: how to specify another.
std::string HowToName(size_t column);

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_VALUES_H_
