// Structs, lists and maps of Parquet to JSON: record assembly as in the Dremel paper (Melnik et
// al., VLDB 2010, section 4.3), row by row.
#ifndef MILLRACE_FORMATS_PARQUET_NESTED_H_
#define MILLRACE_FORMATS_PARQUET_NESTED_H_

#include "absl/types/span.h"
#include "base/byte_buffer.h"
#include "formats/parquet_cells.h"
#include "formats/parquet_schema.h"
#include "formats/value.h"

namespace millrace {

// One thread at a time.
class NestedCells {
 public:
  // `cursors` correspond to ParquetSchema::leaves.
  NestedCells(absl::Span<LeafCursor> cursors, CellContext& context)
      : cursors_(cursors), context_(context) {}

  // The value of `column` in the next row; advances by one row. Sets context's problem if a value
  // has one, or if the leaves of the column do not match.
  Value Next(const ParquetNode& column);

 private:
  // Appends the value at the cursors and moves past it; false, and nothing is appended, for null.
  bool Append(const ParquetNode& node);
  bool AppendLeaf(LeafCursor& cursor);
  bool AppendStruct(const ParquetNode& node);
  bool AppendList(const ParquetNode& node);
  bool AppendMap(const ParquetNode& node);

  // Calls append_element() for each element of the list or map at the cursors.
  template <typename AppendElement>
  void ForEachElement(const ParquetNode& node, AppendElement append_element);

  absl::Span<LeafCursor> CursorsOf(const ParquetNode& node) {
    return cursors_.subspan(node.first_leaf, node.leaf_count);
  }
  // The definition level of the entry at `cursor`.
  int16_t DefinitionAt(const LeafCursor& cursor);
  // Advances by one entry in each leaf of `node`.
  void SkipEntry(const ParquetNode& node);

  const absl::Span<LeafCursor> cursors_;
  CellContext& context_;
  ByteBuffer out_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_NESTED_H_
