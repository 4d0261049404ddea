// Reads the trips of one file, on several threads.
#ifndef MILLRACE_STAYPOINTS_TRIP_READER_H_
#define MILLRACE_STAYPOINTS_TRIP_READER_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pipeline/dead_letter_queue.h"
#include "staypoints/trip_record.h"
#include "staypoints/trip_source.h"

namespace millrace {

// Receives the trips that a thread reads.
class TripVisitor {
 public:
  virtual ~TripVisitor() = default;
  // A possible trip; a null start is kNullTime. Views are valid during the call. A status that is
  // not ok stops the reading and is returned.
  virtual absl::Status OnTrip(const Trip& trip) = 0;
  virtual absl::Status OnRejected(Rejection rejection) = 0;
  // Called from time to time with the number of further rows that were read, and of deleted ones.
  virtual void OnRows(uint64_t rows, uint64_t deleted) = 0;
  // The columns that some rows of a file without a header have, any row each.
  virtual void OnColumnsByRow(const ColumnSet& columns) = 0;
};

class TripReader {
 public:
  // Opens `file` by its content. Errors name it: InvalidArgument for a missing column or one of the
  // wrong type, DataLoss for a damaged file.
  static absl::StatusOr<std::unique_ptr<TripReader>> Open(const TripFile& file);

  virtual ~TripReader() = default;

  // Reads the next part of the file (a row group, or some lines) and returns true; false if other
  // calls have read or are reading all parts. Thread-safe. Errors name the file.
  virtual absl::StatusOr<bool> ReadPart(TripVisitor& visitor, std::stop_token stop) = 0;

  // About `most` user ids from all over the file, in a reader that has read nothing yet; of text
  // only the beginning is read, and the reader cannot be used afterwards.
  virtual absl::StatusOr<std::vector<std::string>> SampleIds(size_t max) = 0;

  // Rows in the file; an estimate for text.
  virtual uint64_t estimated_rows() const = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_TRIP_READER_H_
