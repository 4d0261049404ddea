#include "record_log/log_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/file_descriptor.h"

namespace millrace {
namespace {

absl::Status ErrnoStatus(std::string_view what, const std::string& path) {
  const int error = errno;
  const std::string text = StrCat(what, " ", path, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(text);
  }
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

class DiskFile final : public LogFile {
 public:
  DiskFile(FileDescriptor file, std::string path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  absl::Status Write(uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return ErrnoStatus("writing", path_);
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    return ::fdatasync(file_.get()) == 0 ? absl::OkStatus() : ErrnoStatus("syncing", path_);
  }

  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> to) override {
    size_t done = 0;
    while (done < to.size()) {
      const ssize_t read = ::pread(file_.get(), to.data() + done, to.size() - done,
                                   static_cast<off_t>(offset + done));
      if (read < 0 && errno == EINTR) continue;
      if (read < 0) return ErrnoStatus("reading", path_);
      if (read == 0) break;
      done += static_cast<size_t>(read);
    }
    return done;
  }

  uint64_t size() const override { return size_; }

  absl::Status Truncate(uint64_t size) override {
    if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
      return ErrnoStatus("truncating", path_);
    }
    size_ = size;
    return absl::OkStatus();
  }

 private:
  const FileDescriptor file_;
  const std::string path_;
  std::atomic<uint64_t> size_;
};

absl::Status WriteZeros(LogFile& file) {
  constexpr size_t kPieceBytes = 1 << 20;
  const std::string zeros(kPieceBytes, '\0');
  for (uint64_t at = 0; at < file.size(); at += kPieceBytes) {
    RETURN_IF_ERROR(file.Write(at, std::string_view(zeros).substr(0, file.size() - at)));
  }
  return absl::OkStatus();
}

class DiskFiles final : public LogFiles {
 public:
  DiskFiles(std::string path, FileDescriptor folder)
      : path_(std::move(path)), folder_(std::move(folder)) {}

  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(path_, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return absl::UnavailableError(StrCat("listing ", path_, ": ", error.message()));
    return names;
  }

  absl::StatusOr<std::unique_ptr<LogFile>> Create(const std::string& name, uint64_t size,
                                                  Fill fill) override {
    const std::string path = PathOf(name);
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return ErrnoStatus("creating", path);
    if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)); error != 0) {
      errno = error;
      const absl::Status status = ErrnoStatus("making room for", path);
      ::unlink(path.c_str());
      return status;
    }
    auto made = std::make_unique<DiskFile>(std::move(file), path, size);
    if (fill == Fill::kZeros) RETURN_IF_ERROR(WriteZeros(*made));
    return made;
  }

  absl::StatusOr<std::unique_ptr<LogFile>> Open(const std::string& name) override {
    const std::string path = PathOf(name);
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0) return ErrnoStatus("opening", path);
    struct stat about = {};
    if (::fstat(file.get(), &about) != 0) return ErrnoStatus("reading", path);
    return std::make_unique<DiskFile>(std::move(file), path, static_cast<uint64_t>(about.st_size));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    const bool is_renamed = ::rename(PathOf(from).c_str(), PathOf(to).c_str()) == 0;
    return is_renamed ? absl::OkStatus() : ErrnoStatus("renaming", PathOf(from));
  }

  absl::Status Remove(const std::string& name) override {
    const bool is_gone = ::unlink(PathOf(name).c_str()) == 0 || errno == ENOENT;
    return is_gone ? absl::OkStatus() : ErrnoStatus("removing", PathOf(name));
  }

  absl::Status SyncNames() override {
    return ::fsync(folder_.get()) == 0 ? absl::OkStatus() : ErrnoStatus("syncing", path_);
  }

 private:
  std::string PathOf(const std::string& name) const { return StrCat(path_, "/", name); }

  const std::string path_;
  const FileDescriptor folder_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LogFiles>> OpenLogFiles(const std::string& path) {
  std::error_code error;
  const bool existed = std::filesystem::exists(path, error);
  std::filesystem::create_directories(path, error);
  if (error) return absl::PermissionDeniedError(StrCat("creating ", path, ": ", error.message()));
  if (!existed) ::chmod(path.c_str(), 0700);
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return ErrnoStatus("opening", path);
  return std::make_unique<DiskFiles>(path, std::move(folder));
}

}  // namespace millrace
