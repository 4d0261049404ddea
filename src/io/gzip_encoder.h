// gzip for request bodies and files.
#ifndef MILLRACE_IO_GZIP_ENCODER_H_
#define MILLRACE_IO_GZIP_ENCODER_H_

#include <memory>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {

enum class GzipEffort {
  kFast,   // ISA-L level 1: about ten times as fast as kSmall, at zlib-1's ratio
  kSmall,  // zlib level 6: if the network is more expensive than the processor
};

// Keeps its state between bodies; one thread at a time.
class GzipEncoder {
 public:
  explicit GzipEncoder(GzipEffort effort = GzipEffort::kFast);
  ~GzipEncoder();
  // Replaces the content of `out` by one gzip member with `plain`, which is below 2 GiB.
  void Encode(std::string_view plain, ByteBuffer* out) { coder_->Encode(plain, out); }

 private:
  class Coder {
   public:
    virtual ~Coder() = default;
    virtual void Encode(std::string_view plain, ByteBuffer* out) = 0;
  };
  class FastCoder;
  class SmallCoder;

  std::unique_ptr<Coder> coder_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_GZIP_ENCODER_H_
