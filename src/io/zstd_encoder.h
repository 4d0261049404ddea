// Compresses whole buffers with zstd.
#ifndef MILLRACE_IO_ZSTD_ENCODER_H_
#define MILLRACE_IO_ZSTD_ENCODER_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "base/byte_buffer.h"

namespace millrace {

// One thread at a time; its memory, about 1 MB at level 1, is reused.
class ZstdEncoder {
 public:
  explicit ZstdEncoder(int level);
  ~ZstdEncoder();

  // Appends `bytes`, compressed as one frame, to `out`.
  absl::Status Append(std::string_view bytes, ByteBuffer& out);

 private:
  struct Context;
  const int level_;
  const std::unique_ptr<Context> context_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_ZSTD_ENCODER_H_
