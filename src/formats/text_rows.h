// Rows of a text format, split but not decoded: what Read() of the JSON and CSV readers passes to
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

// A row longer than kMaxRowBytes, of which only the beginning is kept.
struct OverlongSpan {
  size_t row = 0;     // an index of TextRows::rows
  uint64_t size = 0;  // bytes, of the whole row
};

struct TextRows {
  ByteBuffer text;
  std::vector<RowSpan> rows;
  std::vector<OverlongSpan> overlong;  // in the order of the rows
  uint64_t first_row = 0;
  Position after;

  std::string_view row(size_t i) const { return text.view(rows[i].begin, rows[i].end); }
  // Null if row `i` is not overlong.
  const OverlongSpan* FindOverlong(size_t i) const;
  void clear() {
    text.clear();
    rows.clear();
    overlong.clear();
  }
};

// TextRows that are reused: allocating new memory costs more than decompressing into it.
// Thread-safe.
class TextRowsPool {
 public:
  // Empty, with the memory of returned rows if there are any.
  std::unique_ptr<TextRows> Take();
  void Return(std::unique_ptr<TextRows> rows);

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<TextRows>> free_ ABSL_GUARDED_BY(mutex_);
};

// A chunk of a text format; returns its rows to the pool when it is destroyed.
class TextChunk : public RowChunk {
 public:
  TextChunk(std::unique_ptr<TextRows> rows, std::shared_ptr<TextRowsPool> pool)
      : rows_(std::move(rows)), pool_(std::move(pool)) {}
  ~TextChunk() override { pool_->Return(std::move(rows_)); }

  uint64_t first_row() const override { return rows_->first_row; }
  uint64_t row_count() const override { return rows_->rows.size(); }
  Position after() const override { return rows_->after; }
  size_t memory() const override {
    return rows_->text.capacity() + rows_->rows.capacity() * sizeof(RowSpan);
  }

 protected:
  TextRows& rows() { return *rows_; }

 private:
  std::unique_ptr<TextRows> rows_;
  const std::shared_ptr<TextRowsPool> pool_;
};

// How much of rows longer than kMaxRowBytes is kept: their first MiB, which dead letters store.
inline constexpr size_t kKeptOfOverlong = 1 << 20;

// Shows a row as too long.
void ShowOverlong(const OverlongSpan& span, const TextRows& rows, RowVisitor& visitor);
// The reason reported for them.
absl::Status OverlongRow();

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TEXT_ROWS_H_
