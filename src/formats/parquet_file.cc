#include "formats/parquet_file.h"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "arrow/memory_pool.h"
#include "arrow/result.h"
#include "arrow/status.h"
#include "base/strings.h"
#include "parquet/exception.h"

namespace millrace {
namespace {

constexpr char kDetailType[] = "millrace::ObjectError";

// Carries one of our statuses through Arrow.
class ObjectError : public arrow::StatusDetail {
 public:
  explicit ObjectError(absl::Status status) : status_(std::move(status)) {}
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override { return status_.ToString(); }
  const absl::Status& status() const { return status_; }

 private:
  const absl::Status status_;
};

class ArrowFile : public arrow::io::RandomAccessFile {
 public:
  ArrowFile(std::shared_ptr<ObjectReader> object, arrow::MemoryPool* pool)
      : object_(std::move(object)), pool_(pool) {}

  arrow::Result<int64_t> GetSize() override { return static_cast<int64_t>(object_->info().size); }

  arrow::Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    if (position < 0 || size < 0) return arrow::Status::Invalid("a read outside the file");
    int64_t done = 0;
    while (done < size) {
      const auto read = object_->ReadAt(
          static_cast<uint64_t>(position + done),
          absl::MakeSpan(static_cast<char*>(out) + done, static_cast<size_t>(size - done)));
      if (!read.ok()) {
        return arrow::Status(arrow::StatusCode::IOError, std::string(read.status().message()),
                             std::make_shared<ObjectError>(read.status()));
      }
      if (*read == 0) break;
      done += static_cast<int64_t>(*read);
    }
    return done;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    // A damaged file may request any size; bytes after the end need no memory.
    const auto end = static_cast<int64_t>(object_->info().size);
    size = std::clamp<int64_t>(size, 0, std::max<int64_t>(end - position, 0));
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position, size, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return buffer;
  }

  arrow::Result<int64_t> Read(int64_t size, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, size, out));
    position_ += read;
    return read;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, size));
    position_ += buffer->size();
    return buffer;
  }

  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }

  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  const std::shared_ptr<ObjectReader> object_;
  arrow::MemoryPool* const pool_;
  int64_t position_ = 0;
  bool closed_ = false;
};

absl::Status FromArrow(const arrow::Status& status) {
  if (status.detail() != nullptr && status.detail()->type_id() == kDetailType) {
    return static_cast<const ObjectError&>(*status.detail()).status();
  }
  if (status.IsOutOfMemory()) {
    return absl::InvalidArgumentError(
        "its pages need too much memory at once; write the file with smaller pages");
  }
  if (status.IsNotImplemented()) return absl::UnimplementedError(status.message());
  return absl::DataLossError(status.message());
}

}  // namespace

std::shared_ptr<arrow::io::RandomAccessFile> NewArrowFile(std::shared_ptr<ObjectReader> object,
                                                          arrow::MemoryPool* pool) {
  return std::make_shared<ArrowFile>(std::move(object), pool);
}

absl::Status CaughtParquetError() {
  try {
    throw;
  } catch (const parquet::ParquetStatusException& error) {
    return FromArrow(error.status());
  } catch (const std::bad_alloc&) {
    return FromArrow(arrow::Status::OutOfMemory(""));
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    if (what.starts_with("Not yet implemented")) return absl::UnimplementedError(ToAbsl(what));
    return absl::DataLossError(ToAbsl(what));
  } catch (...) {
    return absl::UnknownError("an unknown exception");
  }
}

}  // namespace millrace
