#include "formats/avro_file.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "formats/avro_codec.h"

namespace millrace {
namespace {

constexpr size_t kSyncBytes = 16;
constexpr size_t kReadBytes = 64 * 1024;

absl::Status CutOff() { return absl::DataLossError("Avro: the file is truncated"); }

class AvroFileReader {
 public:
  explicit AvroFileReader(InputStream& stream) : stream_(stream) {}

  absl::Status ReadAll(const AvroVisitor& visitor) {
    RETURN_IF_ERROR(ReadHeader());
    ASSIGN_OR_RETURN(const AvroSchema schema, AvroSchema::Parse(metadata_["avro.schema"]));
    ASSIGN_OR_RETURN(const std::unique_ptr<AvroCodec> codec, NewAvroCodec(metadata_["avro.codec"]));
    std::string block, decompressed;
    AvroValue value;
    for (;;) {
      ASSIGN_OR_RETURN(const int64_t count, NextBlock(block));
      if (count < 0) return absl::OkStatus();
      std::string_view bytes = block;
      if (codec != nullptr) {
        RETURN_IF_ERROR(codec->Decompress(block, kMaxAvroBlockBytes, decompressed));
        bytes = decompressed;
      }
      for (int64_t i = 0; i < count; ++i) {
        // If values have no bytes, the declared count alone would determine how long the loop runs.
        if (bytes.empty()) {
          return absl::DataLossError("Avro: a block has less data than it declares");
        }
        RETURN_IF_ERROR(DecodeAvro(schema, bytes, value));
        RETURN_IF_ERROR(visitor(value, metadata_));
      }
      if (!bytes.empty()) {
        return absl::DataLossError("Avro: a block has more data than it declares");
      }
    }
  }

 private:
  // True once `size` bytes or more are available; false if the file ends first.
  absl::StatusOr<bool> Fill(size_t size) {
    while (buffer_.size() - at_ < size) {
      buffer_.erase(0, std::exchange(at_, 0));
      const size_t old = buffer_.size();
      // A declared size is trusted only as far as the file has been read.
      buffer_.resize(old + std::clamp<size_t>(size - old, kReadBytes, 4 << 20));
      ASSIGN_OR_RETURN(const size_t got,
                       stream_.Read(absl::MakeSpan(buffer_.data() + old, buffer_.size() - old)));
      buffer_.resize(old + got);
      if (got == 0) return false;
    }
    return true;
  }

  absl::StatusOr<std::string> Take(size_t size) {
    ASSIGN_OR_RETURN(const bool is_there, Fill(size));
    if (!is_there) return CutOff();
    std::string taken = buffer_.substr(at_, size);
    at_ += size;
    return taken;
  }

  absl::StatusOr<int64_t> TakeLong() {
    constexpr size_t kMaxDigits = 10;
    RETURN_IF_ERROR(Fill(kMaxDigits).status());
    std::string_view front = std::string_view(buffer_).substr(at_);
    const std::optional<int64_t> number = TakeAvroLong(front);
    if (!number) return CutOff();
    at_ = buffer_.size() - front.size();
    return *number;
  }

  absl::StatusOr<std::string> TakeHeaderText(size_t& left) {
    ASSIGN_OR_RETURN(const int64_t size, TakeLong());
    if (size < 0 || static_cast<uint64_t>(size) >= left) {
      return absl::ResourceExhaustedError("Avro: the header is larger than 4 MiB");
    }
    left -= static_cast<size_t>(size) + 1;
    return Take(static_cast<size_t>(size));
  }

  absl::Status ReadHeader() {
    ASSIGN_OR_RETURN(const bool is_there, Fill(4));
    if (!is_there || std::string_view(buffer_).substr(at_, 4) != std::string_view("Obj\1", 4)) {
      return absl::InvalidArgumentError("not an Avro file");
    }
    at_ += 4;
    size_t left = kMaxAvroHeaderBytes;
    for (;;) {
      ASSIGN_OR_RETURN(int64_t count, TakeLong());
      if (count == 0) break;
      if (count < 0) RETURN_IF_ERROR(TakeLong().status());
      for (; count != 0; count += count < 0 ? 1 : -1) {
        ASSIGN_OR_RETURN(std::string key, TakeHeaderText(left));
        ASSIGN_OR_RETURN(metadata_[std::move(key)], TakeHeaderText(left));
      }
    }
    ASSIGN_OR_RETURN(sync_, Take(kSyncBytes));
    return absl::OkStatus();
  }

  // Returns the number of values in the next block and puts its bytes into `block`; negative at the
  // end.
  absl::StatusOr<int64_t> NextBlock(std::string& block) {
    ASSIGN_OR_RETURN(const bool is_there, Fill(1));
    if (!is_there) return -1;
    ASSIGN_OR_RETURN(const int64_t count, TakeLong());
    ASSIGN_OR_RETURN(const int64_t size, TakeLong());
    if (count < 0 || size < 0) return absl::DataLossError("Avro: a block has a negative size");
    if (static_cast<uint64_t>(size) > kMaxAvroBlockBytes) {
      return absl::ResourceExhaustedError("Avro: a block is larger than 128 MiB");
    }
    ASSIGN_OR_RETURN(block, Take(static_cast<size_t>(size)));
    ASSIGN_OR_RETURN(const std::string sync, Take(kSyncBytes));
    if (sync != sync_) return absl::DataLossError("Avro: a sync marker does not match");
    return count;
  }

  InputStream& stream_;
  std::string buffer_;
  size_t at_ = 0;  // of the part of the buffer that is not consumed yet
  std::map<std::string, std::string> metadata_;
  std::string sync_;
};

}  // namespace

absl::Status ReadAvroFile(InputStream& stream, const AvroVisitor& visitor) {
  return AvroFileReader(stream).ReadAll(visitor);
}

}  // namespace millrace
