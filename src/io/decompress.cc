#include "io/decompress.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/decoder.h"

namespace millrace {
namespace {

constexpr size_t kInputBytes = 256 * 1024;
constexpr size_t kHeadBytes = 4;
// Deflate's best ratio, for bounding what a trailer may promise.
constexpr size_t kMaxGzipRatio = 1032;

// Gives back the head that was read to look at it, then the rest.
class PrefixedStream : public InputStream {
 public:
  PrefixedStream(std::string head, std::unique_ptr<InputStream> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}

  absl::StatusOr<size_t> Read(absl::Span<char> to) override {
    if (used_ == head_.size()) return rest_->Read(to);
    const size_t size = std::min(to.size(), head_.size() - used_);
    std::memcpy(to.data(), head_.data() + used_, size);
    used_ += size;
    return size;
  }
  absl::Status Skip(uint64_t size) override {
    const size_t of_head = static_cast<size_t>(std::min<uint64_t>(size, head_.size() - used_));
    used_ += of_head;
    return rest_->Skip(size - of_head);
  }
  uint64_t raw_bytes() const override { return rest_->raw_bytes(); }

 private:
  const std::string head_;
  const std::unique_ptr<InputStream> rest_;
  size_t used_ = 0;
};

class DecompressingStream : public InputStream {
 public:
  DecompressingStream(std::string head, std::unique_ptr<InputStream> raw,
                      std::unique_ptr<Decoder> decoder)
      : raw_(std::move(raw)), decoder_(std::move(decoder)) {
    input_.Append(head);
    input_end_ = head.size();
  }

  // What was decompressed before a damaged place is handed out before its error is.
  absl::StatusOr<size_t> Read(absl::Span<char> to) override {
    size_t produced = 0;
    while (error_.ok() && produced < to.size()) {
      absl::StatusOr<Decoder::Progress> progress = decoder_->Decode(
          {input_.data() + input_used_, input_.size() - input_used_}, to.subspan(produced));
      if (!progress.ok()) {
        error_ = absl::Status(progress.status().code(),
                              StrCat(progress.status().message(), " at compressed byte ", Place()));
        break;
      }
      produced += progress->produced;
      input_used_ += progress->consumed;
      if (progress->produced != 0 || progress->consumed != 0) continue;
      absl::StatusOr<bool> more = Refill();
      if (!more.ok()) {
        error_ = more.status();
      } else if (!*more) {
        if (decoder_->at_boundary()) break;
        error_ = absl::DataLossError(
            StrCat("the compressed data is cut off at compressed byte ", Place()));
      }
    }
    if (produced == 0 && !error_.ok()) return error_;
    return produced;
  }

  uint64_t raw_bytes() const override { return Place(); }

 private:
  uint64_t Place() const { return input_end_ - (input_.size() - input_used_); }

  // Adds input after the remaining bytes; false at the end.
  absl::StatusOr<bool> Refill() {
    const size_t left = input_.size() - input_used_;
    std::memmove(input_.data(), input_.data() + input_used_, left);
    input_.Truncate(left);
    input_used_ = 0;
    ASSIGN_OR_RETURN(const size_t size, raw_->Read({input_.Reserve(kInputBytes), kInputBytes}));
    input_.Commit(size);
    input_end_ += size;
    return size != 0;
  }

  const std::unique_ptr<InputStream> raw_;
  const std::unique_ptr<Decoder> decoder_;
  ByteBuffer input_;
  size_t input_used_ = 0;   // bytes of input_ that the decoder has taken
  uint64_t input_end_ = 0;  // the compressed bytes up to the end of input_
  absl::Status error_;
};

}  // namespace

Compression DetectCompression(std::string_view head) {
  if (head.size() >= 2 && head.substr(0, 2) == "\x1f\x8b") return Compression::kGzip;
  if (head.size() < kHeadBytes) return Compression::kNone;
  if (head.substr(0, 4) == "\x28\xb5\x2f\xfd") return Compression::kZstd;
  // A skippable frame, which parallel writers put first.
  const bool skippable = head.substr(1, 3) == "\x2a\x4d\x18" && (head[0] & 0xF0) == 0x50;
  return skippable ? Compression::kZstd : Compression::kNone;
}

absl::StatusOr<std::unique_ptr<InputStream>> NewDecompressingStream(
    std::unique_ptr<InputStream> raw) {
  std::string head(kHeadBytes, '\0');
  size_t size = 0;
  while (size < head.size()) {
    ASSIGN_OR_RETURN(const size_t read, raw->Read(absl::MakeSpan(head).subspan(size)));
    if (read == 0) break;
    size += read;
  }
  head.resize(size);
  std::unique_ptr<Decoder> decoder;
  switch (DetectCompression(head)) {
    case Compression::kNone:
      return std::make_unique<PrefixedStream>(std::move(head), std::move(raw));
    case Compression::kGzip:
      decoder = NewGzipDecoder();
      break;
    case Compression::kZstd:
      decoder = NewZstdDecoder();
      break;
  }
  return std::make_unique<DecompressingStream>(std::move(head), std::move(raw), std::move(decoder));
}

absl::Status GunzipTo(std::string_view gzip, size_t max, ByteBuffer* out) {
  const size_t before = out->size();
  const std::unique_ptr<Decoder> decoder = NewGzipDecoder();
  absl::Span<const char> in(gzip.data(), gzip.size());
  // The trailer tells the size of the last member: right for nearly all bodies.
  uint32_t promised = 0;
  if (gzip.size() >= 18) std::memcpy(&promised, gzip.data() + gzip.size() - 4, 4);
  const size_t credible = std::min({size_t{promised}, max, gzip.size() * kMaxGzipRatio});
  size_t room = credible + 64;
  for (;;) {
    absl::StatusOr<Decoder::Progress> progress = decoder->Decode(in, {out->Reserve(room), room});
    absl::Status status = progress.status();
    if (status.ok()) {
      out->Commit(progress->produced);
      in.remove_prefix(progress->consumed);
      if (out->size() - before > max) {
        status = absl::ResourceExhaustedError(
            StrCat("the body is larger than ", max, " bytes when decompressed"));
      } else if (progress->produced == 0 && progress->consumed == 0) {
        if (decoder->at_boundary()) return status;
        status = absl::DataLossError("gzip: the data is cut off");
      }
    }
    if (!status.ok()) {
      out->Truncate(before);
      return status;
    }
    room = std::min<size_t>(std::max<size_t>(out->size() - before, 4096), 1 << 20);
  }
}

}  // namespace millrace
