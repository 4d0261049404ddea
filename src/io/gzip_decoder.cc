// gzip members (RFC 1952) by ISA-L.
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "io/decoder.h"

namespace millrace {
namespace {

// ISA-L counts in 32 bits.
constexpr size_t kMaxPerCall = size_t{1} << 30;

absl::Status Damaged(int error) {
  switch (error) {
    case ISAL_INCORRECT_CHECKSUM:
      return absl::DataLossError("gzip: checksum or length does not match the data");
    case ISAL_INVALID_WRAPPER:
    case ISAL_UNSUPPORTED_METHOD:
      return absl::DataLossError("gzip: damaged header");
    default:
      return absl::DataLossError("gzip: damaged data");
  }
}

class GzipDecoder : public Decoder {
 public:
  absl::StatusOr<Progress> Decode(absl::Span<const char> in, absl::Span<char> out) override {
    if (!damage_.ok()) return HandOutRest(out);
    Progress progress;
    if (place_ != Place::kHeader && place_ != Place::kMember) {
      if (in.empty()) return progress;
      if (place_ == Place::kBetween && in[0] == '\0') place_ = Place::kPadding;
      if (place_ == Place::kPadding) return SkipPadding(in);
      if (place_ == Place::kBetween && in[0] != '\x1f') {
        return absl::DataLossError("gzip: garbage after the end of the compressed data");
      }
      BeginMember();
    }
    state_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(in.data()));
    state_->avail_in = static_cast<uint32_t>(std::min(in.size(), kMaxPerCall));
    state_->next_out = reinterpret_cast<uint8_t*>(out.data());
    state_->avail_out = static_cast<uint32_t>(std::min(out.size(), kMaxPerCall));
    int result = ISAL_DECOMP_OK;
    if (place_ == Place::kHeader) {
      result = isal_read_gzip_header(state_.get(), &header_);
      if (result == ISAL_DECOMP_OK) place_ = Place::kMember;
    }
    if (place_ == Place::kMember) result = isal_inflate(state_.get());
    if (result < 0) damage_ = Damaged(result);
    progress.consumed =
        static_cast<size_t>(reinterpret_cast<const char*>(state_->next_in) - in.data());
    progress.produced = static_cast<size_t>(reinterpret_cast<char*>(state_->next_out) - out.data());
    if (!damage_.ok()) {
      if (progress.produced != 0) return progress;
      return HandOutRest(out);
    }
    if (state_->block_state == ISAL_BLOCK_FINISH) place_ = Place::kBetween;
    return progress;
  }

  bool at_boundary() const override {
    return place_ == Place::kBetween || place_ == Place::kPadding;
  }

 private:
  enum class Place { kStart, kHeader, kMember, kBetween, kPadding };

  void BeginMember() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header_init(&header_);
    place_ = Place::kHeader;
  }

  // What was inflated before the damage is good. ISA-L leaves in its own buffer what `out` had no
  // room for.
  absl::StatusOr<Progress> HandOutRest(absl::Span<char> out) {
    const int32_t left = state_->tmp_out_valid - state_->tmp_out_processed;
    if (left <= 0) return damage_;
    const size_t size = std::min(out.size(), static_cast<size_t>(left));
    std::memcpy(out.data(), state_->tmp_out_buffer + state_->tmp_out_processed, size);
    state_->tmp_out_processed += static_cast<int32_t>(size);
    return Progress{0, size};
  }

  // Zeros up to the end are left by tapes and by block-wise writers; gzip passes over them too.
  static absl::StatusOr<Progress> SkipPadding(absl::Span<const char> in) {
    if (std::all_of(in.begin(), in.end(), [](char c) { return c == '\0'; })) {
      return Progress{in.size(), 0};
    }
    return absl::DataLossError("gzip: garbage after the end of the compressed data");
  }

  // Cleared, as isal_inflate_init leaves the counts of partial headers as they are.
  const std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
  // Kept by us, as isal_inflate() forgets the lengths of a header that comes in pieces.
  isal_gzip_header header_ = {};
  Place place_ = Place::kStart;
  absl::Status damage_;
};

}  // namespace

std::unique_ptr<Decoder> NewGzipDecoder() { return std::make_unique<GzipDecoder>(); }

}  // namespace millrace
