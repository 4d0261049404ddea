// A growable byte buffer for hot paths: like std::string, but growing never writes the new bytes.
#ifndef MILLRACE_BASE_BYTE_BUFFER_H_
#define MILLRACE_BASE_BYTE_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace millrace {

// Movable, not copyable, so that no copy of a batch is made by accident. Not thread-safe. Every
// buffer keeps kPadding readable bytes after its capacity, which simdjson and wide loads need.
class ByteBuffer {
 public:
  static constexpr size_t kPadding = 64;

  ByteBuffer() = default;
  ~ByteBuffer() { std::free(data_); }
  ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    ByteBuffer(std::move(other)).swap(*this);
    return *this;
  }

  const char* data() const { return data_; }
  char* data() { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  std::string_view view(size_t begin, size_t end) const { return {data_ + begin, end - begin}; }

  // Drops the content but keeps the memory.
  void clear() { size_ = 0; }

  // Makes room for `n` more bytes and returns where they start; Commit() then says how many were
  // written. The pointer is valid until the next call that may grow the buffer.
  char* Reserve(size_t n) {
    if (capacity_ - size_ < n) GrowTo(size_ + n);
    return data_ + size_;
  }
  void Commit(size_t n) { size_ += n; }

  // Truncates the buffer to `size` bytes; `size` is at most size().
  void Truncate(size_t size) { size_ = size; }

  void Append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(Reserve(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void Append(char c) {
    *Reserve(1) = c;
    ++size_;
  }

  void swap(ByteBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void GrowTo(size_t min) {
    size_t capacity = capacity_ * 2 > min ? capacity_ * 2 : min;
    if (capacity < 256) capacity = 256;
    void* grown = std::realloc(data_, capacity + kPadding);
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<char*>(grown);
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_BYTE_BUFFER_H_
