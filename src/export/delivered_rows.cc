#include "export/delivered_rows.h"

#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"

namespace millrace {
namespace {

constexpr size_t kHashBytes = 16;
constexpr size_t kBlockHashes = 4096;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// The file's numbers have their most significant byte first, so that its bytes are sorted too.
uint64_t FromBigEndian(const char* bytes) {
  uint64_t number;
  std::memcpy(&number, bytes, sizeof number);
  return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
}

void AppendBigEndian(std::string& out, uint64_t number) {
  if (std::endian::native == std::endian::little) number = __builtin_bswap64(number);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Reads the hashes of a file one after another.
class HashReader {
 public:
  static absl::StatusOr<HashReader> Open(const std::string& path) {
    File file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (file == nullptr && errno != ENOENT) return ErrnoStatus(errno, StrCat("opening ", path));
    HashReader reader(path, std::move(file));
    RETURN_IF_ERROR(reader.Next());
    return reader;
  }

  // The present one; null at the end.
  const Hash128* get() const { return present_ ? &*present_ : nullptr; }

  absl::Status Next() {
    if (at_ == block_.size()) {
      RETURN_IF_ERROR(ReadBlock());
      if (block_.empty()) {
        present_.reset();
        return absl::OkStatus();
      }
    }
    const Hash128 next = {FromBigEndian(&block_[at_]), FromBigEndian(&block_[at_ + 8])};
    if (present_ && next < *present_) {
      return absl::DataLossError(StrCat(path_, " is damaged: its hashes are not sorted"));
    }
    present_ = next;
    at_ += kHashBytes;
    return absl::OkStatus();
  }

 private:
  HashReader(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status ReadBlock() {
    at_ = 0;
    block_.clear();
    if (file_ == nullptr) return absl::OkStatus();
    block_.resize(kBlockHashes * kHashBytes);
    block_.resize(std::fread(block_.data(), 1, block_.size(), file_.get()));
    if (std::ferror(file_.get()) != 0) return ErrnoStatus(errno, StrCat("reading ", path_));
    if (block_.size() % kHashBytes == 0) return absl::OkStatus();
    return absl::DataLossError(StrCat(path_, " is damaged: it ends inside a hash"));
  }

  std::string path_;
  File file_;
  std::string block_;
  size_t at_ = 0;
  std::optional<Hash128> present_;
};

class Merge {
 public:
  Merge(HashReader before, RowHashes& rows, std::unique_ptr<NewFile> after)
      : before_(std::move(before)), rows_(rows), after_(std::move(after)) {
    result_.is_new.resize(rows.rows());
  }

  absl::StatusOr<NewRows> Run() {
    for (size_t bucket = 0; bucket < RowHashes::kBuckets; ++bucket) {
      ASSIGN_OR_RETURN(const std::vector<RowHash> rows, rows_.ReadSorted(bucket));
      for (size_t begin = 0; begin < rows.size();) {
        size_t end = begin + 1;
        while (end < rows.size() && rows[end].hash == rows[begin].hash) ++end;
        RETURN_IF_ERROR(CopyBelow(&rows[begin].hash));
        RETURN_IF_ERROR(Take(absl::MakeConstSpan(rows).subspan(begin, end - begin)));
        begin = end;
      }
    }
    RETURN_IF_ERROR(CopyBelow(nullptr));
    RETURN_IF_ERROR(after_->Append(out_));
    RETURN_IF_ERROR(after_->Commit());
    return std::move(result_);
  }

 private:
  // Copies the delivered hashes before `limit`, or all that are left.
  absl::Status CopyBelow(const Hash128* limit) {
    while (before_.get() != nullptr && (limit == nullptr || *before_.get() < *limit)) {
      RETURN_IF_ERROR(Write(*before_.get()));
      RETURN_IF_ERROR(before_.Next());
    }
    return absl::OkStatus();
  }

  // `same` are all rows of one hash, by number.
  absl::Status Take(absl::Span<const RowHash> same) {
    const Hash128 hash = same.front().hash;
    size_t delivered = 0;
    while (before_.get() != nullptr && *before_.get() == hash) {
      ++delivered;
      RETURN_IF_ERROR(Write(hash));
      RETURN_IF_ERROR(before_.Next());
    }
    const size_t wanted = same.front().counts_each ? same.size() : 1;
    for (size_t i = delivered; i < wanted; ++i) {
      result_.is_new[same[i].row] = true;
      ++result_.count;
      RETURN_IF_ERROR(Write(hash));
    }
    return absl::OkStatus();
  }

  absl::Status Write(const Hash128& hash) {
    AppendBigEndian(out_, hash.high);
    AppendBigEndian(out_, hash.low);
    ++result_.delivered;
    if (out_.size() < kBlockHashes * kHashBytes) return absl::OkStatus();
    const absl::Status status = after_->Append(out_);
    out_.clear();
    return status;
  }

  HashReader before_;
  RowHashes& rows_;
  const std::unique_ptr<NewFile> after_;
  NewRows result_;
  std::string out_;
};

}  // namespace

absl::StatusOr<NewRows> MergeDelivered(const std::string& before, RowHashes& rows,
                                       const std::string& after) {
  ASSIGN_OR_RETURN(HashReader reader, HashReader::Open(before));
  ASSIGN_OR_RETURN(std::unique_ptr<NewFile> file, CreateNewFile(after, FileAudience::kOwner));
  return Merge(std::move(reader), rows, std::move(file)).Run();
}

absl::StatusOr<uint64_t> CountDelivered(const std::string& path) {
  struct stat stat;
  if (::stat(path.c_str(), &stat) == 0) return static_cast<uint64_t>(stat.st_size) / kHashBytes;
  if (errno == ENOENT) return 0;
  return ErrnoStatus(errno, StrCat("reading ", path));
}

}  // namespace millrace
