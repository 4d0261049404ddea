#include "io/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/gzip_encoder.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::string ZlibGzip(std::string_view plain, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string IsalGzip(std::string_view plain) {
  GzipEncoder encoder;
  ByteBuffer out;
  encoder.Encode(plain, &out);
  return std::string(out.view());
}

std::string Zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 1);
  EXPECT_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

// Text that compresses about as events do.
std::string SomeText(size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    text += R"({"event":"page_view","n":)" + std::to_string(random()) + "}\n";
  }
  text.resize(size);
  return text;
}

// Hands out its bytes in pieces of random size.
class PieceStream : public InputStream {
 public:
  PieceStream(std::string_view bytes, unsigned seed, size_t max)
      : bytes_(bytes), random_(seed), max_(max) {}
  absl::StatusOr<size_t> Read(absl::Span<char> to) override {
    const size_t piece = 1 + random_() % max_;
    const size_t size = std::min({to.size(), piece, bytes_.size() - position_});
    std::copy_n(bytes_.data() + position_, size, to.data());
    position_ += size;
    return size;
  }
  uint64_t raw_bytes() const override { return position_; }

 private:
  std::string_view bytes_;
  std::mt19937 random_;
  size_t max_;
  size_t position_ = 0;
};

// Reads to the end or the first error; `text` has what came before it.
absl::Status ReadAll(InputStream& stream, size_t step, std::string* text) {
  std::string buffer(step, '\0');
  for (;;) {
    absl::StatusOr<size_t> size = stream.Read(absl::MakeSpan(buffer));
    if (!size.ok()) return size.status();
    if (*size == 0) return absl::OkStatus();
    text->append(buffer, 0, *size);
  }
}

absl::Status Decompress(std::string_view bytes, std::string* text, size_t max_piece = 1 << 20,
                        size_t step = 65536) {
  auto stream = NewDecompressingStream(std::make_unique<PieceStream>(bytes, 7, max_piece));
  if (!stream.ok()) return stream.status();
  return ReadAll(**stream, step, text);
}

TEST(DecompressTest, TellsCompressionByContent) {
  EXPECT_EQ(DetectCompression(""), Compression::kNone);
  EXPECT_EQ(DetectCompression("{\"a\""), Compression::kNone);
  EXPECT_EQ(DetectCompression("\x1f"), Compression::kNone);
  EXPECT_EQ(DetectCompression(ZlibGzip("x")), Compression::kGzip);
  EXPECT_EQ(DetectCompression(Zstd("x")), Compression::kZstd);
  EXPECT_EQ(DetectCompression("\x5f\x2a\x4d\x18"), Compression::kZstd);
}

TEST(DecompressTest, ReadsPlainBytesAsTheyAre) {
  for (const size_t size : {0, 1, 3, 4, 5, 100000}) {
    const std::string plain = SomeText(size);
    std::string text;
    ASSERT_TRUE(Decompress(plain, &text).ok());
    EXPECT_EQ(text, plain);
  }
}

TEST(DecompressTest, ReadsGzipAndZstdInPiecesOfAnySize) {
  const std::string plain = SomeText(100'000);
  for (const std::string& packed : {ZlibGzip(plain), ZlibGzip(plain, 0), IsalGzip(plain),
                                    Zstd(plain), Zstd(plain) + Zstd("") + Zstd("more")}) {
    std::string expected = plain;
    if (packed == Zstd(plain) + Zstd("") + Zstd("more")) expected += "more";
    for (const size_t piece : {1, 2, 7, 1000, 1 << 20}) {
      for (const size_t step : {1, 13, 4096, 1 << 20}) {
        if (piece + step < 1000) continue;  // slow, and the same path
        std::string text;
        ASSERT_TRUE(Decompress(packed, &text, piece, step).ok()) << piece << " " << step;
        ASSERT_EQ(text, expected) << piece << " " << step;
      }
    }
  }
}

TEST(DecompressTest, ReadsManyGzipMembers) {
  std::string packed;
  std::string plain;
  for (unsigned i = 0; i < 60; ++i) {
    const std::string part = SomeText(i * 37 % 1000, i);
    packed += i % 2 == 0 ? ZlibGzip(part) : IsalGzip(part);
    plain += part;
  }
  for (const size_t piece : {1, 3, 17, 1 << 20}) {
    std::string text;
    ASSERT_TRUE(Decompress(packed, &text, piece).ok()) << piece;
    EXPECT_EQ(text, plain);
  }
}

TEST(DecompressTest, ReadsGzipHeadersWithAllFields) {
  std::string packed = ZlibGzip("hello");
  // FEXTRA, FNAME and FCOMMENT.
  const std::string header = packed.substr(0, 3) + std::string(1, 4 | 8 | 16) +
                             packed.substr(4, 6) + std::string("\x03\0abc", 5) +
                             std::string("name\0", 5) + std::string("comment\0", 8);
  for (const size_t piece : {1, 1000}) {
    std::string text;
    ASSERT_TRUE(Decompress(header + packed.substr(10), &text, piece).ok());
    EXPECT_EQ(text, "hello");
  }
}

TEST(DecompressTest, PassesOverZeroPaddingAfterGzip) {
  std::string text;
  ASSERT_TRUE(Decompress(ZlibGzip("hello") + std::string(10'000, '\0'), &text).ok());
  EXPECT_EQ(text, "hello");
}

TEST(DecompressTest, GarbageBehindTheDataIsDataLoss) {
  for (const std::string& packed :
       {ZlibGzip("hello") + "garbage", ZlibGzip("hello") + std::string(5, '\0') + "x",
        ZlibGzip("hello") + "\x1f" + "garbage-garbage", Zstd("hello") + "garbage"}) {
    std::string text;
    const absl::Status status = Decompress(packed, &text);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("compressed byte"));
    EXPECT_EQ(text, "hello");
  }
  for (const std::string& packed : {ZlibGzip("hello") + "\n", ZlibGzip("hello") + "garbage",
                                    Zstd("hello") + "\n", Zstd("hello") + Zstd("") + "garbage"}) {
    std::string text;
    EXPECT_THAT(std::string(Decompress(packed, &text).message()),
                HasSubstr("garbage after the end of the compressed data"));
  }
}

TEST(DecompressTest, CutOffDataIsDataLossWithItsPlaceWhereverTheCut) {
  const std::string plain = SomeText(2000);
  for (const std::string& packed : {ZlibGzip(plain), IsalGzip(plain), Zstd(plain)}) {
    for (size_t cut = 4; cut < packed.size(); ++cut) {
      std::string text;
      const absl::Status status = Decompress(packed.substr(0, cut), &text);
      ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << cut << " " << status;
      ASSERT_THAT(std::string(status.message()),
                  HasSubstr("compressed byte " + std::to_string(cut)));
      ASSERT_EQ(text, plain.substr(0, text.size()));
    }
  }
}

TEST(DecompressTest, GivesWhatCameBeforeTheCut) {
  const std::string plain = SomeText(1'000'000);
  const std::string packed = ZlibGzip(plain);
  std::string text;
  EXPECT_FALSE(Decompress(packed.substr(0, packed.size() / 2), &text).ok());
  EXPECT_GT(text.size(), plain.size() / 3);
}

// Where block `number` of a zstd frame without dictionary begins (RFC 8878, 3.1.1).
size_t ZstdBlock(std::string_view frame, int number) {
  const auto descriptor = static_cast<unsigned char>(frame[4]);
  const bool single_segment = (descriptor & 0x20) != 0;
  const size_t content_sizes[] = {single_segment ? 1u : 0u, 2, 4, 8};
  size_t at = 5 + (single_segment ? 0 : 1) + content_sizes[descriptor >> 6];
  for (; number > 0; --number) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(frame[at + i]); };
    at += 3 + ((byte(0) | byte(1) << 8 | byte(2) << 16) >> 3);
  }
  return at;
}

TEST(DecompressTest, GivesAllThatCameBeforeTheDamage) {
  for (const size_t size : {10u, 20'000u, 65'536u, 300'000u, 2'000'000u}) {
    const std::string plain = SomeText(size);
    std::string bad_trailer = ZlibGzip(plain);
    bad_trailer[bad_trailer.size() - 6] ^= 1;  // its checksum
    const std::vector<std::string> damaged = {ZlibGzip(plain) + "\n",
                                              IsalGzip(plain) + "trailer",
                                              bad_trailer,
                                              ZlibGzip(plain) + "\x1f\x8b",
                                              ZlibGzip(plain).substr(0, ZlibGzip(plain).size() - 3),
                                              Zstd(plain) + "\n",
                                              Zstd(plain) + Zstd(plain).substr(0, 9)};
    for (size_t i = 0; i < damaged.size(); ++i) {
      for (const size_t step : {777u, 16'384u, 65'536u, 4'000'000u}) {
        std::string text;
        const absl::Status status = Decompress(damaged[i], &text, 1 << 20, step);
        EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
        EXPECT_TRUE(text == plain) << i << ": " << text.size() << " of " << size << " by " << step;
      }
    }
  }
}

TEST(DecompressTest, GivesTheBlocksBeforeADamagedOne) {
  const std::string plain = SomeText(500'000);
  std::string packed = Zstd(plain);
  packed[ZstdBlock(packed, 2)] |= 6;  // a block of the reserved type
  for (const size_t step : {777u, 65'536u, 1'000'000u}) {
    std::string text;
    EXPECT_EQ(Decompress(packed, &text, 1 << 20, step).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(text.size(), 2 * 128 * 1024);
    EXPECT_TRUE(plain.starts_with(text));
  }
}

TEST(DecompressTest, GivesWhatIsaLHeldBackBeforeADamagedBlock) {
  const std::string plain = SomeText(40'000);
  std::string stored =
      ZlibGzip(plain, 0);  // stored blocks, of which the last is followed by a bad one
  stored.resize(stored.size() - 8);
  stored[10] &= ~1;  // not the last block
  for (const size_t step : {777u, 16'384u, 65'536u}) {
    std::string text;
    EXPECT_EQ(Decompress(stored + "\x07\xff\xff", &text, 1 << 20, step).code(),
              absl::StatusCode::kDataLoss);
    EXPECT_TRUE(text == plain) << text.size() << " by " << step;
  }
}

TEST(DecompressTest, FlippedBitsNeverChangeTheText) {
  const std::string plain = SomeText(500);
  for (const std::string& packed : {ZlibGzip(plain), IsalGzip(plain)}) {
    for (size_t i = 10; i < packed.size(); ++i) {
      std::string damaged = packed;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
      std::string text;
      const absl::Status status = Decompress(damaged, &text);
      // Some bits mean nothing, such as those that fill up the last byte.
      if (status.ok() && text == plain) continue;
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << i;
    }
  }
}

TEST(DecompressTest, RefusesHugeZstdWindows) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28);
  const std::string plain(1000, 'x');
  std::string packed(10'000, '\0');
  ZSTD_inBuffer input{plain.data(), plain.size(), 0};
  ZSTD_outBuffer output{packed.data(), packed.size(), 0};
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush);  // the size is not known yet
  ZSTD_freeCCtx(context);
  std::string text;
  EXPECT_EQ(Decompress(packed.substr(0, output.pos), &text).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(DecompressTest, CountsCompressedBytes) {
  const std::string packed = ZlibGzip(SomeText(100'000));
  auto stream = NewDecompressingStream(NewMemoryStream(packed));
  ASSERT_TRUE(stream.ok());
  std::string text;
  ASSERT_TRUE(ReadAll(**stream, 1000, &text).ok());
  EXPECT_EQ((*stream)->raw_bytes(), packed.size());
}

TEST(GunzipToTest, AppendsUpToTheLimit) {
  const std::string plain = SomeText(100'000);
  for (const std::string& packed :
       {ZlibGzip(plain), IsalGzip(plain),
        ZlibGzip(plain.substr(0, 99'999)) + ZlibGzip(plain.substr(99'999))}) {
    ByteBuffer out;
    out.Append("before ");
    ASSERT_TRUE(GunzipTo(packed, plain.size(), &out).ok());
    EXPECT_EQ(out.view(), "before " + plain);
    EXPECT_EQ(GunzipTo(packed, plain.size() - 1, &out).code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(out.view(), "before " + plain);
    EXPECT_EQ(GunzipTo(packed.substr(0, packed.size() - 3), 1 << 20, &out).code(),
              absl::StatusCode::kDataLoss);
    EXPECT_EQ(out.view(), "before " + plain);
  }
}

TEST(GunzipToTest, RefusesWhatIsNotGzip) {
  ByteBuffer out;
  EXPECT_EQ(GunzipTo("", 100, &out).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(GunzipTo("hello, this is no gzip", 100, &out).code(), absl::StatusCode::kDataLoss);
  // A bomb stops at the limit.
  EXPECT_EQ(GunzipTo(ZlibGzip(std::string(5 << 20, 'x')), 1 << 20, &out).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(GzipEncoderTest, ZlibReadsWhatItWritesAndTheRatioStays) {
  GzipEncoder encoder;
  ByteBuffer out;
  const std::string plain = SomeText(1 << 20);
  size_t first = 0;
  for (int i = 0; i < 5; ++i) {
    encoder.Encode(plain, &out);
    if (i == 0) first = out.size();
    EXPECT_EQ(out.size(), first);  // state left over from a body would show here
    encoder.Encode("", &out);
    ByteBuffer empty;
    ASSERT_TRUE(GunzipTo(out.view(), 0, &empty).ok());
  }
  EXPECT_LT(first, ZlibGzip(plain, 1).size() * 1.2);
}

TEST(GzipEncoderTest, SmallIsSmallerAndReadsTheSame) {
  const std::string text = SomeText(1 << 20);
  ByteBuffer fast, small, back;
  GzipEncoder(GzipEffort::kFast).Encode(text, &fast);
  GzipEncoder encoder(GzipEffort::kSmall);
  encoder.Encode("something before", &small);
  encoder.Encode(text, &small);
  EXPECT_LT(small.size(), fast.size());
  ASSERT_TRUE(GunzipTo(small.view(), text.size(), &back).ok());
  EXPECT_EQ(back.view(), text);
}

TEST(GzipEncoderTest, EncodesBytesWithoutPattern) {
  std::mt19937 random(3);
  for (const size_t size : {0, 1, 100, 65535, 65536, 1'000'000}) {
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    ByteBuffer text;
    ASSERT_TRUE(GunzipTo(IsalGzip(noise), size, &text).ok());
    EXPECT_EQ(text.view(), noise);
  }
}

}  // namespace
}  // namespace millrace
