#include "formats/avro_codec.h"

#include <zlib.h>

#include <algorithm>

#include "arrow/util/compression.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using arrow::util::Codec;

absl::Status Damaged(std::string_view why) {
  return absl::DataLossError(StrCat("Avro: a compressed block is damaged: ", why));
}

absl::Status TooLarge() {
  return absl::ResourceExhaustedError("Avro: a block is too large when decompressed");
}

// Deflate and zstd, whose decompressed size is not known in advance.
class StreamingCodec : public AvroCodec {
 public:
  explicit StreamingCodec(std::unique_ptr<Codec> codec) : codec_(std::move(codec)) {}

  absl::Status Decompress(std::string_view block, size_t max, std::string& out) override {
    auto made = codec_->MakeDecompressor();
    if (!made.ok()) return absl::InternalError(made.status().message());
    arrow::util::Decompressor& decompressor = **made;
    out.resize(std::min(max, std::max<size_t>(4096, 4 * block.size())));
    size_t filled = 0;
    while (!decompressor.IsFinished()) {
      const auto step = decompressor.Decompress(static_cast<int64_t>(block.size()),
                                                reinterpret_cast<const uint8_t*>(block.data()),
                                                static_cast<int64_t>(out.size() - filled),
                                                reinterpret_cast<uint8_t*>(out.data() + filled));
      if (!step.ok()) return Damaged(step.status().message());
      block.remove_prefix(static_cast<size_t>(step->bytes_read));
      filled += static_cast<size_t>(step->bytes_written);
      if (decompressor.IsFinished()) break;
      if (step->need_more_output || filled == out.size()) {
        if (out.size() >= max) return TooLarge();
        out.resize(std::min(max, 2 * out.size()));
      } else if (step->bytes_read == 0 && step->bytes_written == 0) {
        return Damaged("it is truncated");
      }
    }
    out.resize(filled);
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<Codec> codec_;
};

// Snappy: the size comes first, a CRC-32 of the decompressed bytes (big-endian) last.
class SnappyCodec : public AvroCodec {
 public:
  explicit SnappyCodec(std::unique_ptr<Codec> codec) : codec_(std::move(codec)) {}

  absl::Status Decompress(std::string_view block, size_t max, std::string& out) override {
    constexpr size_t kCrcBytes = 4;
    if (block.size() <= kCrcBytes) return Damaged("it is truncated");
    const std::string_view crc = block.substr(block.size() - kCrcBytes);
    block.remove_suffix(kCrcBytes);
    uint64_t size = 0;
    size_t digits = 0;
    do {
      if (digits == 5 || digits == block.size()) return Damaged("its size is missing");
      size |= static_cast<uint64_t>(block[digits] & 0x7f) << (7 * digits);
    } while ((block[digits++] & 0x80) != 0);
    if (size > max) return TooLarge();
    out.resize(size);
    const auto written = codec_->Decompress(
        static_cast<int64_t>(block.size()), reinterpret_cast<const uint8_t*>(block.data()),
        static_cast<int64_t>(size), reinterpret_cast<uint8_t*>(out.data()));
    if (!written.ok()) return Damaged(written.status().message());
    if (*written != static_cast<int64_t>(size)) {
      return Damaged("its size differs from the declared one");
    }
    uint32_t expected = 0;
    for (const char byte : crc) expected = expected << 8 | static_cast<uint8_t>(byte);
    const auto found = crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size());
    return found == expected ? absl::OkStatus() : Damaged("the checksum does not match");
  }

 private:
  const std::unique_ptr<Codec> codec_;
};

absl::StatusOr<std::unique_ptr<Codec>> ArrowCodec(arrow::Compression::type type) {
  // Avro's deflate has no zlib or gzip header (RFC 1951).
  arrow::util::GZipCodecOptions raw;
  raw.gzip_format = arrow::util::GZipFormat::DEFLATE;
  const arrow::util::CodecOptions plain;
  auto codec =
      type == arrow::Compression::GZIP ? Codec::Create(type, raw) : Codec::Create(type, plain);
  if (!codec.ok()) return absl::InternalError(codec.status().message());
  return *std::move(codec);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AvroCodec>> NewAvroCodec(std::string_view name) {
  if (name.empty() || name == "null") return nullptr;
  if (name == "deflate" || name == "zstandard") {
    ASSIGN_OR_RETURN(auto codec, ArrowCodec(name == "deflate" ? arrow::Compression::GZIP
                                                              : arrow::Compression::ZSTD));
    return std::make_unique<StreamingCodec>(std::move(codec));
  }
  if (name == "snappy") {
    ASSIGN_OR_RETURN(auto codec, ArrowCodec(arrow::Compression::SNAPPY));
    return std::make_unique<SnappyCodec>(std::move(codec));
  }
  return absl::InvalidArgumentError(StrCat("Avro: unknown codec '", name.substr(0, 40),
                                           "' (supported: null, deflate, snappy and zstandard)"));
}

}  // namespace millrace
