// A rejected record as one line of JSON, on disk and in topics. Format:
// docs/formats/dead-letters.md.
#ifndef MILLRACE_PIPELINE_DEAD_LETTER_RECORD_H_
#define MILLRACE_PIPELINE_DEAD_LETTER_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace {

inline constexpr size_t kMaxMessageBytes = 64 << 10;
// No line is longer; what is, is damaged.
inline constexpr size_t kMaxRecordBytes = 16 << 20;

struct DeadLetterRecord {
  absl::Time time;
  LedgerKey object;
  Rejection rejection;
  // Sizes before they were cut; 0: they are whole.
  uint64_t payload_before_bytes = 0;
  uint64_t payload_after_bytes = 0;

  // What people call it: DeadLetterFileId(object), '-', the row counted from 1.
  std::string id() const;
};

// 16 hex digits of a hash of all parts of the key.
std::string DeadLetterFileId(const LedgerKey& object);

// Appends the line of `rejection`, with its '\n'. Each payload is cut at `max_payload_bytes`.
void AppendDeadLetter(ByteBuffer& out, const LedgerKey& object, const Rejection& rejection,
                      absl::Time time, size_t max_payload_bytes = kMaxPayloadBytes);

// Reads a line (without '\n') back. DataLoss if it is not one.
absl::StatusOr<DeadLetterRecord> ParseDeadLetter(std::string_view line);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_DEAD_LETTER_RECORD_H_
