// Zstandard frames (RFC 8878) by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <new>

#include "base/strings.h"
#include "io/decoder.h"

namespace millrace {
namespace {

constexpr int kMostWindowLog = 27;  // 128 MiB: what the zstd program takes by default

class ZstdDecoder : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMostWindowLog);
  }

  absl::StatusOr<Progress> Decode(absl::Span<const char> in, absl::Span<char> out) override {
    if (at_boundary_ && in.empty()) return Progress{};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t left = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(left)) {
      if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge) {
        return absl::ResourceExhaustedError(
            "zstd: the window is larger than 128 MiB; compress the data without --ultra or --long");
      }
      return absl::DataLossError(StrCat("zstd: ", ZSTD_getErrorName(left)));
    }
    at_boundary_ = left == 0;
    return Progress{input.pos, output.pos};
  }

  bool at_boundary() const override { return at_boundary_; }

 private:
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  bool at_boundary_ = false;
};

}  // namespace

std::unique_ptr<Decoder> NewZstdDecoder() { return std::make_unique<ZstdDecoder>(); }

}  // namespace millrace
