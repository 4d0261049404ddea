// Decompression piece by piece, for DecompressingStream and GunzipTo.
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

  // Decompresses some of `in` into `out`, which is not empty. If neither advances, more input is
  // needed. DataLoss, without a position, if the data is damaged, after everything before the
  // damage was returned; the decoder is then finished.
  virtual absl::StatusOr<Progress> Decode(absl::Span<const char> in, absl::Span<char> out) = 0;

  // True if the input may end here: between members or frames, with all output returned.
  virtual bool at_boundary() const = 0;
};

std::unique_ptr<Decoder> NewGzipDecoder();
std::unique_ptr<Decoder> NewZstdDecoder();

}  // namespace millrace

#endif  // MILLRACE_IO_DECODER_H_
