// The source of trips: files, how to find the seven columns in each, and which of their rows do not
// count. Sources know tables (globs, Iceberg metadata); the engine reads the rows.
#ifndef MILLRACE_STAYPOINTS_TRIP_SOURCE_H_
#define MILLRACE_STAYPOINTS_TRIP_SOURCE_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/row_filter.h"
#include "io/object_store.h"

namespace millrace {

// The columns of a trip, in the order of all arrays below.
enum TripColumn : size_t {
  kUserId,
  kStartTime,
  kEndTime,
  kStartLat,
  kStartLng,
  kEndLat,
  kEndLng,
  kTripColumns,  // how many there are
};

using ColumnSet = std::bitset<kTripColumns>;

using TripColumnRefs = std::array<ColumnRef, kTripColumns>;

// The columns with the names in the documentation: "user_id", "trip_start_time", ...
TripColumnRefs DefaultTripColumns();

// One file of trips. Parquet or, if neither field ids nor row filters are used, CSV and NDJSON;
// detected from the content.
struct TripFile {
  ObjectStore* store = nullptr;  // outlives the run
  ObjectInfo object;
  std::shared_ptr<const TripColumnRefs> columns;
  // Rows that do not count: positions in the file, ascending from 0. Null: none.
  std::shared_ptr<const std::vector<uint64_t>> deleted_rows;
  std::vector<std::shared_ptr<const RowFilter>>
      filters;  // rows that any of them drops do not count
};

// The files of a run. The engine reads them twice: it first samples some, to learn the distribution
// of ids. Not thread-safe.
class TripSource {
 public:
  virtual ~TripSource() = default;
  // All files, or the error that prevents listing them. Called once.
  virtual absl::StatusOr<std::vector<TripFile>> List() = 0;
  // Patterns as for ObjectStore::List() for what List() has read, now or in a later run.
  virtual std::vector<std::string> patterns() const = 0;
  // After List(): names that were skipped because they begin with '.' or '_'.
  virtual uint64_t hidden() const { return 0; }
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_SOURCE_H_
