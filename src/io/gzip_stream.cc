#include "io/gzip_stream.h"

#include <isa-l/igzip_lib.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace millrace {

struct GzipStream::State {
  isal_zstream stream;
  uint8_t level_buffer[ISAL_DEF_LVL1_DEFAULT];
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  isal_deflate_init(&state_->stream);
  state_->stream.level = 1;
  state_->stream.level_buf = state_->level_buffer;
  state_->stream.level_buf_size = sizeof state_->level_buffer;
  state_->stream.gzip_flag = IGZIP_GZIP;
}

GzipStream::~GzipStream() = default;

void GzipStream::Write(std::string_view plain, std::string* out) { Deflate(plain, false, out); }

void GzipStream::Finish(std::string* out) { Deflate({}, true, out); }

void GzipStream::Deflate(std::string_view plain, bool end, std::string* out) {
  isal_zstream& stream = state_->stream;
  std::array<uint8_t, 32 << 10> piece;
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uint32_t>(plain.size());
  stream.end_of_stream = end ? 1 : 0;
  stream.flush = NO_FLUSH;
  do {
    stream.next_out = piece.data();
    stream.avail_out = static_cast<uint32_t>(piece.size());
    if (isal_deflate(&stream) != COMP_OK) throw std::logic_error("isal_deflate failed");
    out->append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
  } while (stream.avail_out == 0 || stream.avail_in > 0 ||
           (end && stream.internal_state.state != ZSTATE_END));
}

}  // namespace millrace
