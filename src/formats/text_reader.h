// A text object as a sequence of split rows: decompresses directly into the memory of the next
// chunk and moves the bytes after its last row to the following chunk.
#ifndef MILLRACE_FORMATS_TEXT_READER_H_
#define MILLRACE_FORMATS_TEXT_READER_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "formats/row_splitter.h"
#include "formats/text_rows.h"
#include "io/input_stream.h"

namespace millrace {

// One thread at a time.
class TextReader {
 public:
  // Opens `object`, decompressed if its content is compressed. A byte order mark is skipped.
  static absl::StatusOr<std::unique_ptr<TextReader>> Open(std::shared_ptr<ObjectReader> object);

  // The next bytes, at least `size` unless the text ends or is damaged first. Consumes nothing.
  absl::StatusOr<std::string_view> Peek(size_t size);

  // Resumes after `position`, which must not be before text that was already read.
  absl::Status SkipTo(Position position);

  void set_splitter(std::unique_ptr<RowSplitter> splitter) { splitter_ = std::move(splitter); }

  // The next rows; null at the end of the text. After an error the reader is finished.
  absl::StatusOr<std::unique_ptr<TextRows>> Read(const ChunkLimits& limits);

  Position position() const { return position_; }
  const std::string& uri() const { return object_->info().uri; }
  uint64_t raw_bytes() const { return stream_->raw_bytes(); }
  const std::shared_ptr<TextRowsPool>& pool() const { return pool_; }

 private:
  TextReader(std::shared_ptr<ObjectReader> object, std::unique_ptr<InputStream> stream)
      : object_(std::move(object)), stream_(std::move(stream)) {}

  absl::Status Split(const ChunkLimits& limits, TextRows& rows, size_t* at);
  void MarkOverlong(TextRows& rows, size_t first) const;
  void ShortenRow(ByteBuffer& text, size_t at);
  size_t WantedBytes(const ChunkLimits& limits, const TextRows& rows) const;
  absl::Status Fill(ByteBuffer& text, size_t size);

  const std::shared_ptr<ObjectReader> object_;  // read by stream_
  const std::unique_ptr<InputStream> stream_;
  const std::shared_ptr<TextRowsPool> pool_ = std::make_shared<TextRowsPool>();
  std::unique_ptr<RowSplitter> splitter_;
  ByteBuffer carry_;     // bytes after position_ that were already read
  Position position_;    // everything before it was returned or skipped
  bool at_end_ = false;  // of the stream
  absl::Status stream_error_;
  uint64_t dropped_ = 0;    // bytes of an overlong row that are no longer held
  double row_bytes_ = 512;  // a running mean, to read about as much as a chunk needs
  absl::Status error_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TEXT_READER_H_
