// Decompression by content: gzip (RFC 1952, any number of members) and zstd (RFC 8878 frames).
#ifndef MILLRACE_IO_DECOMPRESS_H_
#define MILLRACE_IO_DECOMPRESS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "io/input_stream.h"

namespace millrace {

enum class Compression { kNone, kGzip, kZstd };

// Detected from the first four bytes; names do not matter.
Compression DetectCompression(std::string_view head);

// A stream of the decompressed bytes of `raw` (or of the bytes unchanged). A stream that ends in
// the middle of a member or frame, or whose checksum does not match, gives DataLoss with the reason
// and the compressed byte. Memory is bounded: zstd windows above 128 MiB are refused.
absl::StatusOr<std::unique_ptr<InputStream>> NewDecompressingStream(
    std::unique_ptr<InputStream> raw);

// Appends the decompressed `gzip` bytes to `out`. ResourceExhausted past `most` bytes, DataLoss if
// damaged. For request and response bodies.
absl::Status GunzipTo(std::string_view gzip, size_t max, ByteBuffer* out);

}  // namespace millrace

#endif  // MILLRACE_IO_DECOMPRESS_H_
