// Zstandard frames (RFC 8878) by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <new>

#include "base/status.h"
#include "base/strings.h"
#include "io/decoder.h"

namespace millrace {
namespace {

constexpr size_t kFirstBytes = 5;  // of a frame, from which libzstd knows how many it wants next
constexpr size_t kBlockHeaderBytes = 3;  // libzstd asks for a block with the header of the next one
constexpr int kMaxWindowLog = 27;        // 128 MiB: what the zstd program takes by default

class ZstdDecoder : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  absl::StatusOr<Progress> Decode(absl::Span<const char> in, absl::Span<char> out) override {
    if (at_boundary_ && in.empty()) return Progress{};
    // libzstd forgets what a call has produced if it meets damage in it. So each call gets one
    // block or header, and none before what did not fit into the last `out` has been handed out.
    if (may_hold_more_ && !at_boundary_) {
      ASSIGN_OR_RETURN(const Progress held, Step({}, out));
      may_hold_more_ = held.produced == out.size();
      if (held.produced != 0) return held;
    }
    ASSIGN_OR_RETURN(const Progress progress, Step(in.subspan(0, wanted_), out));
    may_hold_more_ = progress.produced == out.size();
    return progress;
  }

  bool at_boundary() const override { return at_boundary_; }

 private:
  absl::StatusOr<Progress> Step(absl::Span<const char> in, absl::Span<char> out) {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t left = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(left)) {
      if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge) {
        return absl::ResourceExhaustedError(
            "zstd: the window is larger than 128 MiB; compress the data without --ultra or --long");
      }
      if (any_frame_ && ZSTD_getErrorCode(left) == ZSTD_error_prefix_unknown) {
        return absl::DataLossError("zstd: garbage after the end of the compressed data");
      }
      return absl::DataLossError(StrCat("zstd: ", ZSTD_getErrorName(left)));
    }
    at_boundary_ = left == 0;
    any_frame_ = any_frame_ || at_boundary_;
    wanted_ = left == 0 ? kFirstBytes : left > kBlockHeaderBytes ? left - kBlockHeaderBytes : left;
    return Progress{input.pos, output.pos};
  }

  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  bool at_boundary_ = false;
  bool any_frame_ = false;       // was passed whole
  size_t wanted_ = kFirstBytes;  // that the next call is to be given
  bool may_hold_more_ = false;   // as it filled all of `out`
};

}  // namespace

std::unique_ptr<Decoder> NewZstdDecoder() { return std::make_unique<ZstdDecoder>(); }

}  // namespace millrace
