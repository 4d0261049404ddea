// Rejected records: kept whole, with the reason and the place they came from, to be read, fixed and
// replayed.
#ifndef MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_
#define MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pipeline/ledger.h"

namespace millrace {

// A longer payload is cut, and cannot be replayed.
inline constexpr size_t kMaxPayloadBytes = 1 << 20;

// Why one source row was not accepted. Codes are stable words for scripts: "unreadable_row",
// "missing_event_name", "missing_required_field", "invalid_time", "invalid_value",
// "event_too_large", "transform_exception", "transform_output_too_large",
// "rejected_by_destination", ...
struct Rejection {
  uint64_t source_row = 0;  // 0-based, in its object
  std::string code;
  std::string field;    // the property or column, if one is to blame
  std::string message;  // for people: what is wrong and what to do
  // The source row, as JSON if it could be read, else its text. Empty if the destination refused
  // the row: then payload_after is whole, and the source row is where `source_row` says.
  std::string payload_before;
  // The bytes of the source row if only its beginning is in payload_before, else 0.
  uint64_t payload_before_bytes = 0;
  // The mapped event, if it came that far (JSON), else empty. If a row became several events and
  // the destination refused some, all of these, a line each.
  std::string payload_after;
};

// "gs://bucket/file: row 12": how messages and dead letters name a row. People count rows from 1,
// so that the row of an NDJSON file is its line.
std::string RowName(const LedgerKey& object, uint64_t source_row);

// Thread-safe. Opened per destination.
class DeadLetterQueue {
 public:
  virtual ~DeadLetterQueue() = default;

  // Keeps `rejections` of one object. Durable only after Sync().
  virtual absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) = 0;

  // All that was added for `object` is durable on return. Run() calls it before the ledger moves
  // past a rejected row.
  virtual absl::Status Sync(const LedgerKey& object) = 0;

  // Forgets what was kept for `object` at rows >= `row`: Run() calls it before it works on a
  // claimed object from there, so that a row that is done again is kept once.
  virtual absl::Status Rewind(const LedgerKey& object, uint64_t row) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_DEAD_LETTER_QUEUE_H_
