// Rows of a text format, cut but not decoded: what Read() of the JSON and CSV readers hands to
// ForEachRow().
#ifndef MILLRACE_FORMATS_TEXT_ROWS_H_
#define MILLRACE_FORMATS_TEXT_ROWS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "formats/row_reader.h"

namespace millrace {

// Bytes [begin, end) of a text: a row without its line end.
struct RowSpan {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct TextRows {
  ByteBuffer text;
  std::vector<RowSpan> rows;
  std::vector<size_t> overlong;  // of rows, ascending: longer than kMostRowBytes, only begun here
  uint64_t first_row = 0;
  RowPosition after;

  std::string_view row(size_t i) const { return text.view(rows[i].begin, rows[i].end); }
  void clear() {
    text.clear();
    rows.clear();
    overlong.clear();
  }
};

// TextRows that are used again: fresh memory costs more than inflating into it. Thread-safe.
class TextRowsPool {
 public:
  // Empty, with the memory of rows that were returned if there are any.
  std::unique_ptr<TextRows> Take();
  void Return(std::unique_ptr<TextRows> rows);

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<TextRows>> free_ ABSL_GUARDED_BY(mutex_);
};

// A chunk of a text format; gives its rows back to the pool at its end.
class TextChunk : public RowChunk {
 public:
  TextChunk(std::unique_ptr<TextRows> rows, std::shared_ptr<TextRowsPool> pool)
      : rows_(std::move(rows)), pool_(std::move(pool)) {}
  ~TextChunk() override { pool_->Return(std::move(rows_)); }

  uint64_t first_row() const override { return rows_->first_row; }
  uint64_t row_count() const override { return rows_->rows.size(); }
  RowPosition after() const override { return rows_->after; }
  size_t memory() const override {
    return rows_->text.capacity() + rows_->rows.capacity() * sizeof(RowSpan);
  }

 protected:
  TextRows& rows() { return *rows_; }

 private:
  std::unique_ptr<TextRows> rows_;
  const std::shared_ptr<TextRowsPool> pool_;
};

// What dead letters keep of a row: all of it, or its first few kB.
std::string_view Excerpt(std::string_view row);

// The reason given for rows longer than kMostRowBytes.
absl::Status OverlongRow();

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TEXT_ROWS_H_
