// Keeps rejected records in full, with the reason and their origin, so that they can be read, fixed
// and replayed.
#ifndef MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_
#define MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pipeline/ledger.h"

namespace millrace {

// A longer payload is truncated and cannot be replayed.
inline constexpr size_t kMaxPayloadBytes = 1 << 20;

// Why one source row was not accepted. Codes are stable words for scripts: "unreadable_row",
// "missing_event_name", "missing_required_field", "invalid_time", "invalid_value",
// "event_too_large", "transform_exception", "transform_output_too_large",
// "rejected_by_destination", ...
struct Rejection {
  uint64_t source_row = 0;  // 0-based, in its object
  std::string code;
  std::string field;    // the property or column that is wrong, if it is one
  std::string message;  // for people: what is wrong and what to do
  // The source row: JSON if it could be parsed, else its text. Empty if the destination refused the
  // row: payload_after is then complete, and `source_row` identifies the source row.
  std::string payload_before;
  // The size of the source row in bytes if payload_before has only its beginning, else 0.
  uint64_t payload_before_bytes = 0;
  // The mapped event as JSON, empty if the row was not mapped. If a row became several events and
  // the destination refused some, all refused events, one per line.
  std::string payload_after;
  // The row's other events are at the destination: only those of payload_after may be sent again.
  bool partial = false;
};

// "gs://bucket/file: row 12": the name of a row in messages and dead letters. It counts from 1, so
// that the row of an NDJSON file is its line.
std::string RowName(const LedgerKey& object, uint64_t source_row);

// Thread-safe. Opened per destination.
class DeadLetterQueue {
 public:
  virtual ~DeadLetterQueue() = default;

  // Adds `rejections` of one object. They are durable only after Sync().
  virtual absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) = 0;

  // Makes durable all that was added for `object`. Run() calls it before the ledger moves past a
  // rejected row.
  virtual absl::Status Sync(const LedgerKey& object) = 0;

  // Removes the records of `object` with `begin` <= row < `end`.
  virtual absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) = 0;

  // Removes the records of `object` with rows >= `row`. Run() calls it before it processes a
  // claimed object from there, so that a row that is processed again is kept once.
  absl::Status Rewind(const LedgerKey& object, uint64_t row) {
    return RemoveRows(object, row, std::numeric_limits<uint64_t>::max());
  }
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_
