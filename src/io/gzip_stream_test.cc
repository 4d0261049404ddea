#include "io/gzip_stream.h"

#include <gtest/gtest.h>

#include "base/byte_buffer.h"
#include "io/decompress.h"

namespace millrace {
namespace {

std::string Inflated(std::string_view gzip) {
  ByteBuffer plain;
  const absl::Status status = GunzipTo(gzip, 1 << 30, &plain);
  EXPECT_TRUE(status.ok()) << status;
  return std::string(plain.view());
}

TEST(GzipStream, MakesOneBodyOfPieces) {
  GzipStream stream;
  std::string plain;
  std::string gzip;
  for (int i = 0; i < 5000; ++i) {
    const std::string piece = "piece " + std::to_string(i * 7919) + "\n";
    plain += piece;
    stream.Write(piece, &gzip);
  }
  stream.Write("", &gzip);
  stream.Finish(&gzip);
  EXPECT_LT(gzip.size(), plain.size());
  EXPECT_EQ(Inflated(gzip), plain);
}

TEST(GzipStream, TakesPiecesOfAnySize) {
  for (const size_t size : {0, 1, 100, 32 << 10, 1'000'000}) {
    std::string plain(size, '\0');
    uint32_t state = 1;
    for (char& c : plain) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    GzipStream stream;
    std::string gzip;
    stream.Write(plain, &gzip);
    stream.Finish(&gzip);
    EXPECT_EQ(Inflated(gzip), plain) << size;
  }
}

}  // namespace
}  // namespace millrace
