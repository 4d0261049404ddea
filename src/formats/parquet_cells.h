// Stored Parquet values to Values: see the table in parquet_reader.h.
#ifndef MILLRACE_FORMATS_PARQUET_CELLS_H_
#define MILLRACE_FORMATS_PARQUET_CELLS_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/byte_buffer.h"
#include "formats/parquet_leaf_column.h"
#include "formats/parquet_schema.h"
#include "formats/value.h"

namespace millrace {

// Text that stays in place until Clear().
class TextArena {
 public:
  std::string_view Store(std::string_view text);
  void Clear();

 private:
  static constexpr size_t kBlock = 32 * 1024;
  std::vector<std::unique_ptr<char[]>> blocks_;  // the last one is being filled
  size_t used_ = kBlock;
};

// What decoding needs besides the stored values. One thread at a time.
class CellContext {
 public:
  CellContext();
  ~CellContext();

  TextArena& arena() { return arena_; }

  // The problem of a cell since the last TakeProblem(); the first one counts.
  void SetProblem(absl::Status problem) {
    if (problem_.ok()) problem_ = std::move(problem);
  }
  bool has_problem() const { return !problem_.ok(); }
  absl::Status TakeProblem() { return std::exchange(problem_, absl::OkStatus()); }

  // Appends the JSON value `json` without white space; false if it is not JSON or nests too deep.
  // ByteBuffer::kPadding readable bytes must follow it.
  bool AppendCompactJson(std::string_view json, ByteBuffer& out);

  // For text that is being produced.
  ByteBuffer& text() { return text_; }

 private:
  struct Parser;
  TextArena arena_;
  ByteBuffer text_;
  absl::Status problem_;
  std::unique_ptr<Parser> parser_;
};

// The next position in a leaf.
struct LeafCursor {
  LeafCursor(const ParquetLeaf& leaf, const LeafColumn& column);

  bool HasValue() const {
    return leaf->max_definition == 0 || column->definitions[entry] == leaf->max_definition;
  }

  const ParquetLeaf* leaf;
  const LeafColumn* column;
  size_t entry = 0;
  size_t value = 0;    // of the first entry from `entry` on that has one
  size_t row_end = 0;  // repeated leaves: the entry after the current row
  bool is_utf8;        // all of its text is UTF-8
};

// The value number `value` of the cursor's leaf. Views are valid until the chunk is destroyed or
// context.arena().Clear() is called. A value that cannot be shown sets context's problem and
// returns the best substitute: text with U+FFFD for invalid UTF-8, else null.
Value CellAt(const LeafCursor& cursor, size_t value, CellContext& context);

// For a flat leaf: writes the next `rows` cells to to[0], to[stride], ... and advances.
// Calls on_problem(row) after a cell with a problem, with rows counted from 0.
class CellProblems {
 public:
  virtual ~CellProblems() = default;
  virtual void OnProblem(size_t row, absl::Status problem) = 0;
};
void FillCells(LeafCursor& cursor, size_t rows, Value* to, size_t stride, CellContext& context,
               CellProblems& problems);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_CELLS_H_
