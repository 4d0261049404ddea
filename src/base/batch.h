// A batch of rows: NDJSON bytes with row ends. All interfaces of the product use JSON, so the same
// bytes go to HTTP, to the dead-letter queue and to disk.
#ifndef MILLRACE_BASE_BATCH_H_
#define MILLRACE_BASE_BATCH_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {

// One JSON object per line. Row i is bytes [start(i), row_ends[i]) and ends with '\n'.
struct Batch {
  ByteBuffer bytes;
  std::vector<size_t> row_ends;
  // For each row, the number of the source row it came from (0-based, in its object). Rows that a
  // transform made from one source row share its number.
  std::vector<uint64_t> source_rows;

  size_t rows() const { return row_ends.size(); }
  bool empty() const { return row_ends.empty(); }
  size_t start(size_t i) const { return i == 0 ? 0 : row_ends[i - 1]; }
  // The line without its '\n'.
  std::string_view row(size_t i) const { return bytes.view(start(i), row_ends[i] - 1); }

  // Ends the row whose bytes were appended since the last one; adds the '\n'.
  void EndRow(uint64_t source_row) {
    bytes.Append('\n');
    row_ends.push_back(bytes.size());
    source_rows.push_back(source_row);
  }
  // Drops the bytes of a row that was begun but not ended.
  void DropUnfinishedRow() { bytes.Truncate(row_ends.empty() ? 0 : row_ends.back()); }

  // Drops all rows but the first `rows`, and bytes of a row that was begun.
  void KeepRows(size_t rows) {
    row_ends.resize(rows);
    source_rows.resize(rows);
    DropUnfinishedRow();
  }

  void clear() {
    bytes.clear();
    row_ends.clear();
    source_rows.clear();
  }
};

// Rows [begin, end) of a batch; their bytes are consecutive.
struct RowRange {
  size_t begin = 0;
  size_t end = 0;

  size_t size() const { return end - begin; }
  friend bool operator==(const RowRange&, const RowRange&) = default;
};

}  // namespace millrace

#endif  // MILLRACE_BASE_BATCH_H_
