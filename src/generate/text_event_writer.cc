#include <cerrno>
#include <cstdio>

#include "base/byte_buffer.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/value.h"
#include "generate/event_writer.h"
#include "io/gzip_encoder.h"

namespace millrace {
namespace {

constexpr size_t kBlock = 1 << 20;  // bytes of text per write, and per gzip member

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Gathers text and writes it in blocks, each as a gzip member if asked to.
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

  // To be called after each row.
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

Value BusinessTime(const GeneratedEvent& event) {
  return Value::Timestamp(event.business_ts, Value::Unit::kMicro, true);
}

class NdjsonGzEventWriter : public EventWriter {
 public:
  explicit NdjsonGzEventWriter(const std::string& path) : file_(path, true) {}
  absl::Status Open() { return file_.Open(); }
  absl::Status Finish() override { return file_.Close(); }

  absl::Status Write(const GeneratedEvent& event) override {
    ByteBuffer& out = file_.text();
    AddText(R"({"event_name":)", event.event_name);
    out.Append(R"(,"business_ts":)");
    AppendJsonValue(out, BusinessTime(event));
    AddText(R"(,"user_id":)", event.user_id);
    AddText(R"(,"device_id":)", event.device_id);
    AddText(R"(,"insert_id":)", event.insert_id);
    out.Append(R"(,"session_id":)");
    AppendJsonInt(out, event.session_id);
    AddText(R"(,"country":)", event.country);
    AddText(R"(,"city":)", event.city);
    AddText(R"(,"os":)", event.os);
    AddText(R"(,"app_version":)", event.app_version);
    AddText(R"(,"page_url":)", event.page_url);
    out.Append(R"(,"amount":)");
    AppendJsonValue(out, event.amount ? Value::Double(*event.amount) : Value::Null());
    out.Append(event.is_new ? R"(,"is_new":true)" : R"(,"is_new":false)");
    if (event.comment) {
      AddText(R"(,"comment":)", *event.comment);
    } else {
      out.Append(R"(,"comment":null)");
    }
    out.Append("}\n");
    return file_.EndRow();
  }

 private:
  void AddText(std::string_view key, std::string_view text) {
    file_.text().Append(key);
    AppendJsonString(file_.text(), text);
  }

  BlockFile file_;
};

// RFC 4180, with '\n' as the line end; an empty cell is a null.
class CsvEventWriter : public EventWriter {
 public:
  explicit CsvEventWriter(const std::string& path) : file_(path, false) {}

  absl::Status Open() {
    file_.text().Append(
        "event_name,business_ts,user_id,device_id,insert_id,session_id,country,city,os,"
        "app_version,page_url,amount,is_new,comment\n");
    return file_.Open();
  }

  absl::Status Finish() override { return file_.Close(); }

  absl::Status Write(const GeneratedEvent& event) override {
    ByteBuffer& out = file_.text();
    AddText(event.event_name);
    AppendPlainText(out, BusinessTime(event));
    out.Append(',');
    AddText(event.user_id);
    AddText(event.device_id);
    AddText(event.insert_id);
    AppendJsonInt(out, event.session_id);
    out.Append(',');
    AddText(event.country);
    AddText(event.city);
    AddText(event.os);
    AddText(event.app_version);
    AddText(event.page_url);
    if (event.amount) AppendJsonDouble(out, *event.amount);
    out.Append(event.is_new ? ",true," : ",false,");
    if (event.comment) AppendCell(*event.comment);
    out.Append('\n');
    return file_.EndRow();
  }

 private:
  void AddText(std::string_view text) {
    AppendCell(text);
    file_.text().Append(',');
  }

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
absl::StatusOr<std::unique_ptr<EventWriter>> OpenWriter(const std::string& path) {
  auto writer = std::make_unique<Writer>(path);
  RETURN_IF_ERROR(writer->Open());
  return writer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventWriter>> NewNdjsonGzEventWriter(const std::string& path) {
  return OpenWriter<NdjsonGzEventWriter>(path);
}

absl::StatusOr<std::unique_ptr<EventWriter>> NewCsvEventWriter(const std::string& path) {
  return OpenWriter<CsvEventWriter>(path);
}

}  // namespace millrace
