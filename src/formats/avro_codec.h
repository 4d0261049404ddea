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
  // Overwrites `out` with the decompressed block. ResourceExhausted if that is more than `most`
  // bytes, before they are allocated; DataLoss if the block is damaged.
  virtual absl::Status Decompress(std::string_view block, size_t max, std::string& out) = 0;
};

// Returns a null pointer for "null" or an empty name: blocks are not compressed. InvalidArgument
// for an unknown codec.
absl::StatusOr<std::unique_ptr<AvroCodec>> NewAvroCodec(std::string_view name);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_CODEC_H_
