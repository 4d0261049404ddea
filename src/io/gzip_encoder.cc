#include "io/gzip_encoder.h"

#include <isa-l/igzip_lib.h>

#include <cstring>
#include <stdexcept>

namespace millrace {

struct GzipEncoder::State {
  isal_zstream stream;
  uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
};

GzipEncoder::GzipEncoder() : state_(std::make_unique_for_overwrite<State>()) {}
GzipEncoder::~GzipEncoder() = default;

void GzipEncoder::Encode(std::string_view plain, ByteBuffer* out) {
  isal_zstream& stream = state_->stream;
  // isal_deflate_stateless_init leaves fields of the last body as they were (hist_bits among them),
  // and the next one would be compressed far worse.
  std::memset(&stream, 0, sizeof(stream));
  isal_deflate_stateless_init(&stream);
  stream.level = 1;
  stream.level_buf = state_->level_buffer;
  stream.level_buf_size = sizeof(state_->level_buffer);
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uint32_t>(plain.size());
  // Stored blocks bound what bytes without any pattern become.
  const size_t room = plain.size() + plain.size() / 4096 + 512;
  out->clear();
  stream.next_out = reinterpret_cast<uint8_t*>(out->Reserve(room));
  stream.avail_out = static_cast<uint32_t>(room);
  if (isal_deflate_stateless(&stream) != COMP_OK || stream.avail_in != 0) {
    throw std::logic_error("isal_deflate_stateless failed");
  }
  out->Commit(stream.total_out);
}

}  // namespace millrace
