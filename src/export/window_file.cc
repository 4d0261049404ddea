#include "export/window_file.h"

#include "absl/memory/memory.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/decompress.h"
#include "io/object_store.h"

namespace millrace {
namespace {

constexpr size_t kBlockBytes = 256 << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<WindowFileWriter>> WindowFileWriter::Create(const std::string& path,
                                                                           ZstdEncoder& encoder) {
  ASSIGN_OR_RETURN(std::unique_ptr<NewFile> file, CreateNewFile(path, FileAudience::kOwner));
  return absl::WrapUnique(new WindowFileWriter(path, std::move(file), encoder));
}

WindowFileWriter::WindowFileWriter(std::string path, std::unique_ptr<NewFile> file,
                                   ZstdEncoder& encoder)
    : path_(std::move(path)), file_(std::move(file)), encoder_(encoder) {}

absl::Status WindowFileWriter::Append(std::string_view line) {
  plain_.Append(line);
  plain_.Append('\n');
  ++rows_;
  return plain_.size() < kBlockBytes ? absl::OkStatus() : Flush();
}

absl::Status WindowFileWriter::Flush() {
  std::string chain = ToHex(hash_);
  chain += ToHex(HashBytes(plain_.view()));
  hash_ = HashBytes(chain);
  compressed_.clear();
  RETURN_IF_ERROR(encoder_.Append(plain_.view(), compressed_));
  plain_.clear();
  return file_->Append(compressed_.view());
}

absl::StatusOr<WindowFile> WindowFileWriter::Finish() {
  if (!plain_.empty()) RETURN_IF_ERROR(Flush());
  RETURN_IF_ERROR(file_->Commit());
  return WindowFile{.path = path_, .version = ToHex(hash_), .rows = rows_};
}

absl::StatusOr<WindowFile> JoinFiles(const std::vector<WindowFile>& parts, const std::string& to) {
  const std::unique_ptr<ObjectStore> disk = NewLocalObjectStore();
  ASSIGN_OR_RETURN(const std::unique_ptr<NewFile> file, CreateNewFile(to, FileAudience::kOwner));
  WindowFile joined{.path = to};
  std::string versions;
  ByteBuffer block;
  for (const WindowFile& part : parts) {
    // Compressed frames may follow each other.
    ASSIGN_OR_RETURN(const ObjectInfo info, disk->Find(part.path));
    ASSIGN_OR_RETURN(const std::unique_ptr<ObjectReader> reader, disk->Open(info));
    const std::unique_ptr<InputStream> stream = NewObjectStream(*reader);
    for (;;) {
      block.clear();
      ASSIGN_OR_RETURN(const size_t size, stream->Read({block.Reserve(kBlockBytes), kBlockBytes}));
      if (size == 0) break;
      block.Commit(size);
      RETURN_IF_ERROR(file->Append(block.view()));
    }
    joined.rows += part.rows;
    versions += part.version;
  }
  RETURN_IF_ERROR(file->Commit());
  joined.version = ToHex(HashBytes(versions));
  return joined;
}

absl::Status ForEachRow(const std::string& path,
                        const std::function<absl::Status(std::string_view)>& on_row) {
  const std::unique_ptr<ObjectStore> disk = NewLocalObjectStore();
  ASSIGN_OR_RETURN(const ObjectInfo info, disk->Find(path));
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectReader> reader, disk->Open(info));
  ASSIGN_OR_RETURN(const std::unique_ptr<InputStream> stream,
                   NewDecompressingStream(NewObjectStream(*reader)));
  ByteBuffer text;
  for (;;) {
    ASSIGN_OR_RETURN(const size_t size, stream->Read({text.Reserve(kBlockBytes), kBlockBytes}));
    if (size == 0) return absl::OkStatus();
    text.Commit(size);
    std::string_view rest = text.view();
    for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      RETURN_IF_ERROR(on_row(rest.substr(0, end)));
      rest.remove_prefix(end + 1);
    }
    ByteBuffer unfinished;
    unfinished.Append(rest);
    text.swap(unfinished);
  }
}

absl::StatusOr<std::string> CopyRows(const std::string& from, const std::vector<bool>& keep,
                                     const std::string& to) {
  ZstdEncoder encoder(kWindowFileLevel);
  ASSIGN_OR_RETURN(const std::unique_ptr<WindowFileWriter> writer,
                   WindowFileWriter::Create(to, encoder));
  uint64_t row = 0;
  RETURN_IF_ERROR(ForEachRow(from, [&](std::string_view line) {
    const bool is_kept = row < keep.size() && keep[row];
    ++row;
    return is_kept ? writer->Append(line) : absl::OkStatus();
  }));
  if (row != keep.size()) {
    return absl::DataLossError(StrCat(from, " has ", row, " rows instead of ", keep.size()));
  }
  ASSIGN_OR_RETURN(WindowFile file, writer->Finish());
  return std::move(file.version);
}

}  // namespace millrace
