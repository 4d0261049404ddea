// Many short texts in large blocks, which are never copied.
#ifndef MILLRACE_EXPORT_ID_TEXTS_H_
#define MILLRACE_EXPORT_ID_TEXTS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace millrace {

// A text takes its length and 4 bytes. Texts are at most kBlockBytes - 4 long.
class IdTexts {
 public:
  static constexpr size_t kBlockBytes = 1 << 20;

  // Returns where it is.
  uint64_t Add(std::string_view text) {
    const uint32_t length = static_cast<uint32_t>(text.size());
    if (blocks_.empty() || used_ + sizeof length + length > kBlockBytes) {
      blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
      used_ = 0;
    }
    char* const to = blocks_.back().get() + used_;
    std::memcpy(to, &length, sizeof length);
    std::memcpy(to + sizeof length, text.data(), length);
    const uint64_t at = (blocks_.size() - 1) * kBlockBytes + used_;
    used_ += sizeof length + length;
    return at;
  }

  std::string_view At(uint64_t at) const {
    const char* const from = blocks_[at / kBlockBytes].get() + at % kBlockBytes;
    uint32_t length;
    std::memcpy(&length, from, sizeof length);
    return {from + sizeof length, length};
  }

  size_t bytes() const { return blocks_.size() * kBlockBytes; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t used_ = 0;  // of the last block
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_ID_TEXTS_H_
