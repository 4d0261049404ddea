// The codecs of Avro blocks.
#ifndef MILLRACE_FORMATS_AVRO_CODEC_H_
#define MILLRACE_FORMATS_AVRO_CODEC_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

// Not thread-safe.
class AvroCodec {
 public:
  virtual ~AvroCodec() = default;
  // Overwrites `out` with the decompressed block. ResourceExhausted past `most` bytes, before they
  // are allocated; DataLoss if damaged.
  virtual absl::Status Decompress(std::string_view block, size_t max, std::string& out) = 0;
};

// "null" or empty gives a null pointer: blocks are as they are. InvalidArgument for a codec that is
// not known.
absl::StatusOr<std::unique_ptr<AvroCodec>> NewAvroCodec(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_CODEC_H_
