#include "io/input_stream.h"

#include <algorithm>
#include <cstring>

namespace millrace {
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
