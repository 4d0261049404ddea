#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/byte_buffer.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/row_writer.h"
#include "io/gzip_encoder.h"

namespace millrace {
namespace {

constexpr size_t kBlock = 1 << 20;  // bytes of text per write, and per gzip member

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Collects text and writes it in blocks, each as a gzip member if requested.
class BlockFile {
 public:
  BlockFile(std::string path, bool gzip) : path_(std::move(path)) {
    if (gzip) encoder_ = std::make_unique<GzipEncoder>();
  }

  absl::Status Open() {
    file_.reset(std::fopen(path_.c_str(), "wb"));
    if (file_ == nullptr) return ErrnoStatus(errno, StrCat("creating ", path_));
    std::setvbuf(file_.get(), nullptr, _IONBF, 0);
    return absl::OkStatus();
  }

  ByteBuffer& text() { return text_; }

  // Must be called after each row.
  absl::Status EndRow() { return text_.size() >= kBlock ? Flush() : absl::OkStatus(); }

  absl::Status Close() {
    if (!text_.empty()) RETURN_IF_ERROR(Flush());
    if (std::fclose(file_.release()) != 0) return ErrnoStatus(errno, StrCat("closing ", path_));
    return absl::OkStatus();
  }

 private:
  absl::Status Flush() {
    if (encoder_ != nullptr) encoder_->Encode(text_.view(), &compressed_);
    const ByteBuffer& bytes = encoder_ != nullptr ? compressed_ : text_;
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
      return ErrnoStatus(errno, StrCat("writing ", path_));
    }
    text_.clear();
    return absl::OkStatus();
  }

  const std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::unique_ptr<GzipEncoder> encoder_;
  ByteBuffer text_;
  ByteBuffer compressed_;
};

class NdjsonGzRowWriter : public RowWriter {
 public:
  NdjsonGzRowWriter(const std::string& path, absl::Span<const OutputColumn> columns)
      : file_(path, true) {
    for (const OutputColumn& column : columns) {
      ByteBuffer key;
      key.Append(keys_.empty() ? '{' : ',');
      AppendJsonString(key, column.name);
      key.Append(':');
      keys_.emplace_back(key.view());
    }
  }
  absl::Status Open() { return file_.Open(); }
  absl::Status Finish() override { return file_.Close(); }

  absl::Status Write(absl::Span<const Value> row) override {
    ByteBuffer& out = file_.text();
    for (size_t i = 0; i < row.size(); ++i) {
      out.Append(keys_[i]);
      AppendJsonValue(out, row[i]);
    }
    out.Append("}\n");
    return file_.EndRow();
  }

 private:
  BlockFile file_;
  std::vector<std::string> keys_;  // with the text before and after them
};

// RFC 4180, with '\n' as the line end; an empty cell is a null.
class CsvRowWriter : public RowWriter {
 public:
  CsvRowWriter(const std::string& path, absl::Span<const OutputColumn> columns)
      : file_(path, false) {
    for (const OutputColumn& column : columns) {
      if (!file_.text().empty()) file_.text().Append(',');
      AppendCell(column.name);
    }
    file_.text().Append('\n');
  }
  absl::Status Open() { return file_.Open(); }
  absl::Status Finish() override { return file_.Close(); }

  absl::Status Write(absl::Span<const Value> row) override {
    ByteBuffer& out = file_.text();
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out.Append(',');
      if (row[i].kind == Value::Kind::kText) {
        AppendCell(row[i].text);
      } else if (!row[i].is_null()) {
        AppendPlainText(out, row[i]);
      }
    }
    out.Append('\n');
    return file_.EndRow();
  }

 private:
  void AppendCell(std::string_view text) {
    ByteBuffer& out = file_.text();
    if (text.find_first_of("\",\r\n") == text.npos) return out.Append(text);
    out.Append('"');
    for (const char c : text) {
      if (c == '"') out.Append('"');
      out.Append(c);
    }
    out.Append('"');
  }

  BlockFile file_;
};

template <typename Writer>
absl::StatusOr<std::unique_ptr<RowWriter>> OpenWriter(const std::string& path,
                                                      absl::Span<const OutputColumn> columns) {
  auto writer = std::make_unique<Writer>(path, columns);
  RETURN_IF_ERROR(writer->Open());
  return writer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowWriter>> NewNdjsonGzRowWriter(
    const std::string& path, absl::Span<const OutputColumn> columns) {
  return OpenWriter<NdjsonGzRowWriter>(path, columns);
}

absl::StatusOr<std::unique_ptr<RowWriter>> NewCsvRowWriter(const std::string& path,
                                                           absl::Span<const OutputColumn> columns) {
  return OpenWriter<CsvRowWriter>(path, columns);
}

}  // namespace millrace
