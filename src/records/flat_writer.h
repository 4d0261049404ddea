// Records to the flat form.
#ifndef MILLRACE_RECORDS_FLAT_WRITER_H_
#define MILLRACE_RECORDS_FLAT_WRITER_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "base/record_type.h"

namespace millrace {

// One thread at a time; keeps its buffers.
class FlatWriter {
 public:
  explicit FlatWriter(RecordType type);
  ~FlatWriter();

  // Appends the flat rows of `record` to `out`, each with '\n' at its end, and returns how many:
  // one for an event, one per operation for an update. InvalidArgument if `record` is not a record
  // of the type, or its time is not in the years 0 to 9999; then nothing is appended.
  absl::StatusOr<size_t> Append(std::string_view record, ByteBuffer& out);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace millrace

#endif  // MILLRACE_RECORDS_FLAT_WRITER_H_
