#include "io/gzip_encoder.h"

#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <cstring>
#include <stdexcept>

namespace millrace {
namespace {

uint8_t* BytesOf(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

class GzipEncoder::FastCoder : public Coder {
 public:
  void Encode(std::string_view plain, ByteBuffer* out) override {
    // isal_deflate_stateless_init leaves fields of the last body as they were (hist_bits among
    // them), and the next one would be compressed far worse.
    std::memset(&stream_, 0, sizeof(stream_));
    isal_deflate_stateless_init(&stream_);
    stream_.level = 1;
    stream_.level_buf = level_buffer_;
    stream_.level_buf_size = sizeof(level_buffer_);
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.end_of_stream = 1;
    stream_.flush = NO_FLUSH;
    stream_.next_in = BytesOf(plain);
    stream_.avail_in = static_cast<uint32_t>(plain.size());
    // Stored blocks bound what bytes without any pattern become.
    const size_t room = plain.size() + plain.size() / 4096 + 512;
    out->clear();
    stream_.next_out = reinterpret_cast<uint8_t*>(out->Reserve(room));
    stream_.avail_out = static_cast<uint32_t>(room);
    if (isal_deflate_stateless(&stream_) != COMP_OK || stream_.avail_in != 0) {
      throw std::logic_error("isal_deflate_stateless failed");
    }
    out->Commit(stream_.total_out);
  }

 private:
  isal_zstream stream_;
  uint8_t level_buffer_[ISAL_DEF_LVL1_DEFAULT];
};

class GzipEncoder::SmallCoder : public Coder {
 public:
  SmallCoder() {
    constexpr int kLevel = 6;
    constexpr int kGzipWindow = 15 + 16;
    constexpr int kMemoryLevel = 8;
    if (deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~SmallCoder() override { deflateEnd(&stream_); }

  void Encode(std::string_view plain, ByteBuffer* out) override {
    deflateReset(&stream_);
    const size_t room = deflateBound(&stream_, plain.size());
    out->clear();
    stream_.next_in = BytesOf(plain);
    stream_.avail_in = static_cast<uInt>(plain.size());
    stream_.next_out = reinterpret_cast<uint8_t*>(out->Reserve(room));
    stream_.avail_out = static_cast<uInt>(room);
    if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) throw std::logic_error("deflate failed");
    out->Commit(stream_.total_out);
  }

 private:
  z_stream stream_{};
};

GzipEncoder::GzipEncoder(GzipEffort effort) {
  if (effort == GzipEffort::kSmall) {
    coder_ = std::make_unique<SmallCoder>();
  } else {
    coder_ = std::make_unique<FastCoder>();
  }
}

GzipEncoder::~GzipEncoder() = default;

}  // namespace millrace
