// Owns a POSIX file descriptor.
#ifndef MILLRACE_IO_FILE_DESCRIPTOR_H_
#define MILLRACE_IO_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace millrace {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (valid()) ::close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace millrace

#endif  // MILLRACE_IO_FILE_DESCRIPTOR_H_
