// Decompression: any bytes are read without a crash, and the sizes of the pieces do not change the
// result. GzipEncoder's output is decompressed to the input.
#include <algorithm>
#include <cstdint>
#include <string>

#include "io/decompress.h"
#include "io/gzip_encoder.h"
#include "require.h"

namespace millrace {
namespace {

constexpr size_t kMost = 8 << 20;

absl::Status Decompress(std::string_view bytes, size_t step, std::string* text) {
  auto stream = NewDecompressingStream(NewMemoryStream(bytes));
  if (!stream.ok()) return stream.status();
  std::string buffer(step, '\0');
  while (text->size() < kMost) {
    absl::StatusOr<size_t> size = (*stream)->Read(absl::MakeSpan(buffer));
    if (!size.ok()) return size.status();
    if (*size == 0) return absl::OkStatus();
    text->append(buffer, 0, *size);
  }
  text->resize(kMost);
  return absl::OkStatus();
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string whole;
  std::string parts;
  const absl::Status status = Decompress(bytes, 1 << 16, &whole);
  Require(Decompress(bytes, 777, &parts).ok() == status.ok());
  if (status.ok()) Require(parts == whole);
  // How much is read of a damaged block depends on the steps; the bytes do not.
  const size_t common = std::min(parts.size(), whole.size());
  Require(parts.compare(0, common, whole, 0, common) == 0);

  ByteBuffer body;
  const bool is_gzip = DetectCompression(bytes) == Compression::kGzip;
  if (GunzipTo(bytes, kMost - 1, &body).ok()) Require(status.ok() && body.view() == whole);
  if (is_gzip && status.ok() && whole.size() < kMost) Require(body.view() == whole);

  GzipEncoder encoder;
  ByteBuffer packed;
  encoder.Encode(bytes, &packed);
  ByteBuffer plain;
  Require(GunzipTo(packed.view(), size, &plain).ok() && plain.view() == bytes);
  return 0;
}
