// Bytes read once, front to back.
#ifndef MILLRACE_IO_INPUT_STREAM_H_
#define MILLRACE_IO_INPUT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace millrace {

// One thread at a time.
class InputStream {
 public:
  virtual ~InputStream() = default;

  // Reads up to `to.size()` bytes; 0 means the end. May return fewer than requested before the end.
  // Blocking. Errors: Unavailable (try again), DataLoss (damaged bytes), others as of the store.
  virtual absl::StatusOr<size_t> Read(absl::Span<char> to) = 0;

  // Skips `size` bytes; OutOfRange if the stream ends before. Reads them unless the stream has a
  // cheaper way.
  virtual absl::Status Skip(uint64_t size);

  // Bytes taken from the underlying object so far (compressed bytes for a decompressing stream);
  // for progress.
  virtual uint64_t raw_bytes() const = 0;
};

// A stream over memory that outlives it; for tests and small inputs.
std::unique_ptr<InputStream> NewMemoryStream(std::string_view bytes);

}  // namespace millrace

#endif  // MILLRACE_IO_INPUT_STREAM_H_
