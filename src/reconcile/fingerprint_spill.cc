#include "reconcile/fingerprint_spill.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <type_traits>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

static_assert(std::is_trivially_copyable_v<Fingerprint> && sizeof(Fingerprint) == 32);

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

absl::StatusOr<File> Open(const std::string& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode), &std::fclose);
  if (file == nullptr) return ErrnoStatus(errno, StrCat("opening ", path));
  return file;
}

}  // namespace

std::string FingerprintSpill::PathOf(int64_t key) const { return StrCat(folder_, "/", key); }

absl::Status FingerprintSpill::Add(int64_t key, const Fingerprint& fingerprint) {
  ++counts_[key];
  buffers_[key].push_back(fingerprint);
  buffered_ += sizeof(Fingerprint);
  return buffered_ < memory_ ? absl::OkStatus() : Flush();
}

absl::Status FingerprintSpill::Flush() {
  for (const auto& [key, buffer] : buffers_) {
    ASSIGN_OR_RETURN(File file, Open(PathOf(key), "ab"));
    const size_t written =
        std::fwrite(buffer.data(), sizeof(Fingerprint), buffer.size(), file.get());
    if (written != buffer.size() || std::fclose(file.release()) != 0) {
      return ErrnoStatus(errno, StrCat("writing ", PathOf(key)));
    }
  }
  buffers_.clear();
  buffered_ = 0;
  return absl::OkStatus();
}

absl::Status FingerprintSpill::ForEach(int64_t key,
                                       const std::function<void(const Fingerprint&)>& visit) {
  RETURN_IF_ERROR(Flush());
  const auto count = counts_.find(key);
  if (count == counts_.end()) return absl::OkStatus();
  ASSIGN_OR_RETURN(File file, Open(PathOf(key), "rb"));
  Fingerprint block[1024];
  uint64_t seen = 0;
  while (const size_t size = std::fread(block, sizeof(Fingerprint), std::size(block), file.get())) {
    for (size_t i = 0; i < size; ++i) visit(block[i]);
    seen += size;
  }
  if (seen != count->second) {
    return absl::DataLossError(
        StrCat(PathOf(key), " holds ", seen, " of ", count->second,
               " records: another program changed the temporary folder; run it again"));
  }
  return absl::OkStatus();
}

absl::Status FingerprintSpill::Clear() {
  for (const auto& [key, count] : counts_) {
    std::error_code error;
    std::filesystem::remove(PathOf(key), error);
    if (error) return ErrnoStatus(error.value(), StrCat("removing ", PathOf(key)));
  }
  counts_.clear();
  buffers_.clear();
  buffered_ = 0;
  return absl::OkStatus();
}

}  // namespace millrace
