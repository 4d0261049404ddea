// What the errors of the Storage Write API mean (docs/connectors/bigquery.md, "Errors"). Pure.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_STORAGE_ERRORS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_STORAGE_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace millrace::bigquery {

// google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode, by its numbers.
enum class StorageCode {
  kNone = 0,
  kTableNotFound = 1,
  kStreamAlreadyCommitted = 2,
  kStreamNotFound = 3,
  kInvalidStreamType = 4,
  kInvalidStreamState = 5,
  kStreamFinalized = 6,
  kSchemaMismatchExtraFields = 7,
  kOffsetAlreadyExists = 8,
  kOffsetOutOfRange = 9,
};

// An answer that is not ok, or ok.
struct StorageError {
  absl::Status status;
  StorageCode code = StorageCode::kNone;  // if the service names one
  bool ok() const { return status.ok(); }
};

enum class ErrorAction {
  kRetry,       // the same request may succeed later
  kThrottled,   // the same, and the service asks for a lower rate
  kIsThere,     // the rows are in the stream already
  kStreamLost,  // the stream takes no more rows: they need another one
  kNotYet,      // a column or table that was made just now is not known everywhere; else kStop
  kStop,        // every request will fail until somebody changes something
};

// Of an append, by its StorageErrorCode, and without one by the canonical code:
//   OFFSET_ALREADY_EXISTS, ALREADY_EXISTS                                       kIsThere
//   STREAM_NOT_FOUND, STREAM_FINALIZED, STREAM_ALREADY_COMMITTED, INVALID_STREAM_STATE,
//   INVALID_STREAM_TYPE, OFFSET_OUT_OF_RANGE, NOT_FOUND, OUT_OF_RANGE           kStreamLost
//   SCHEMA_MISMATCH_EXTRA_FIELDS, TABLE_NOT_FOUND                               kNotYet
//   RESOURCE_EXHAUSTED                                                          kThrottled
//   UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, ABORTED, UNKNOWN, CANCELLED       kRetry
//   all others: INVALID_ARGUMENT, PERMISSION_DENIED, UNAUTHENTICATED ...        kStop
ErrorAction ClassifyAppend(const StorageError& error);

// Of every other call: kRetry, kThrottled or kStop, or kNotYet for NOT_FOUND and TABLE_NOT_FOUND.
ErrorAction ClassifyCall(const StorageError& error);

// The status with what to do about it, if that is known. `table`: "projects/P/datasets/D/tables/T".
absl::Status Explain(const StorageError& error, std::string_view table);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_STORAGE_ERRORS_H_
