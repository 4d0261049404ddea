// Decompression a piece at a time; what DecompressingStream and GunzipTo are made of.
#ifndef MILLRACE_IO_DECODER_H_
#define MILLRACE_IO_DECODER_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace millrace {

// One thread at a time.
class Decoder {
 public:
  virtual ~Decoder() = default;

  struct Progress {
    size_t consumed = 0;  // of `in`
    size_t produced = 0;  // in `out`
  };

  // Decompresses some of `in` into `out`, which is not empty. No progress at all: more input is
  // needed. DataLoss, without a place, if the data is damaged, once all that precedes the damage
  // has been handed out; the decoder is finished then.
  virtual absl::StatusOr<Progress> Decode(absl::Span<const char> in, absl::Span<char> out) = 0;

  // True where the input may end: between members or frames, with all output handed out.
  virtual bool at_boundary() const = 0;
};

std::unique_ptr<Decoder> NewGzipDecoder();
std::unique_ptr<Decoder> NewZstdDecoder();

}  // namespace millrace

#endif  // MILLRACE_IO_DECODER_H_
