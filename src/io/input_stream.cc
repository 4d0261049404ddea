#include "io/input_stream.h"

#include <algorithm>
#include <cstring>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {

absl::Status InputStream::Skip(uint64_t size) {
  constexpr size_t kBlock = 256 * 1024;
  ByteBuffer block;
  for (uint64_t left = size; left > 0;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(left, kBlock));
    ASSIGN_OR_RETURN(const size_t read, Read({block.Reserve(wanted), wanted}));
    if (read == 0) {
      return absl::OutOfRangeError(StrCat("the data ends ", left, " bytes before byte ", size));
    }
    left -= read;
  }
  return absl::OkStatus();
}

namespace {

class MemoryStream : public InputStream {
 public:
  explicit MemoryStream(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<size_t> Read(absl::Span<char> to) override {
    const size_t size = std::min(to.size(), bytes_.size() - position_);
    if (size != 0) std::memcpy(to.data(), bytes_.data() + position_, size);
    position_ += size;
    return size;
  }
  uint64_t raw_bytes() const override { return position_; }

 private:
  const std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace

std::unique_ptr<InputStream> NewMemoryStream(std::string_view bytes) {
  return std::make_unique<MemoryStream>(bytes);
}

}  // namespace millrace
