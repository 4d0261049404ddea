#include "io/object_store.h"

#include <algorithm>
#include <cstring>

#include "base/byte_buffer.h"
#include "base/strings.h"

namespace millrace {
namespace {

class ObjectStream : public InputStream {
 public:
  ObjectStream(ObjectReader& reader, size_t block, uint64_t offset)
      : reader_(reader), block_size_(block), next_(offset) {}

  absl::StatusOr<size_t> Read(absl::Span<char> to) override {
    if (used_ == block_.size()) {
      if (to.size() >= block_size_) return ReadThrough(to);
      block_.clear();
      used_ = 0;
      absl::StatusOr<size_t> filled = ReadThrough({block_.Reserve(block_size_), block_size_});
      if (!filled.ok() || *filled == 0) return filled;
      block_.Commit(*filled);
    }
    const size_t size = std::min(to.size(), block_.size() - used_);
    std::memcpy(to.data(), block_.data() + used_, size);
    used_ += size;
    return size;
  }

  absl::Status Skip(uint64_t size) override {
    const uint64_t buffered = block_.size() - used_;
    if (size <= buffered) {
      used_ += static_cast<size_t>(size);
      return absl::OkStatus();
    }
    size -= buffered;
    const uint64_t object_size = reader_.info().size;
    if (next_ > object_size || size > object_size - next_) {
      return absl::OutOfRangeError(StrCat(reader_.info().uri, " ends at byte ", object_size));
    }
    used_ = block_.size();
    next_ += size;
    return absl::OkStatus();
  }

  uint64_t raw_bytes() const override { return next_ - (block_.size() - used_); }

 private:
  // Never reads past the listed size: bytes appended since then are another version.
  absl::StatusOr<size_t> ReadThrough(absl::Span<char> to) {
    const uint64_t object_size = reader_.info().size;
    const uint64_t left = object_size > next_ ? object_size - next_ : 0;
    to = to.subspan(0, static_cast<size_t>(std::min<uint64_t>(to.size(), left)));
    if (to.empty()) return 0;
    absl::StatusOr<size_t> size = reader_.ReadAt(next_, to);
    if (!size.ok()) return size;
    if (*size == 0) {
      return absl::FailedPreconditionError(StrCat(reader_.info().uri, " was truncated to ", next_,
                                                  " bytes while it was being read"));
    }
    next_ += *size;
    return size;
  }

  ObjectReader& reader_;
  const size_t block_size_;
  uint64_t next_;
  ByteBuffer block_;
  size_t used_ = 0;  // bytes of block_ that were returned
};

}  // namespace

std::unique_ptr<InputStream> NewObjectStream(ObjectReader& reader, size_t block, uint64_t offset) {
  return std::make_unique<ObjectStream>(reader, block, offset);
}

}  // namespace millrace
