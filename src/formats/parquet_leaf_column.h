// The decoded values of one leaf column, in our own memory.
#ifndef MILLRACE_FORMATS_PARQUET_LEAF_COLUMN_H_
#define MILLRACE_FORMATS_PARQUET_LEAF_COLUMN_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "formats/parquet_schema.h"

namespace millrace {

// The values of a dictionary-encoded leaf, shared by the chunks of a row group.
struct TextDictionary {
  ByteBuffer text;
  std::vector<std::string_view> entries;
  bool is_utf8 = false;
};

// The size of the length before each text of a page, so that texts are copied together.
inline constexpr size_t kTextGap = sizeof(uint32_t);

// The values of a leaf in some consecutive rows. There is one entry per row, in repeated leaves one
// or more. Entries at the leaf's max_definition have a value; values are stored without gaps.
struct LeafColumn {
  size_t rows = 0;                   // complete ones; entries after them belong to none
  std::vector<int16_t> definitions;  // per entry; empty if max_definition is 0
  std::vector<int16_t> repetitions;  // per entry; empty if max_repetition is 0
  ByteBuffer values;                 // ParquetLeaf::width each; or int32_t of the dictionary
  std::vector<uint32_t> ends;        // kText without a dictionary: the end of each in `text`
  ByteBuffer text;                   // the values, with kTextGap ASCII bytes after each
  std::shared_ptr<const TextDictionary> dictionary;

  size_t bytes() const;
  std::string_view text_at(size_t value) const {
    if (dictionary != nullptr) {
      return dictionary
          ->entries[static_cast<size_t>(reinterpret_cast<const int32_t*>(values.data())[value])];
    }
    return text.view(value == 0 ? 0 : ends[value - 1] + kTextGap, ends[value]);
  }
};

// Truncates `column` after its first `rows` rows and returns the rest.
LeafColumn CutTail(const ParquetLeaf& leaf, LeafColumn& column, size_t rows);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_PARQUET_LEAF_COLUMN_H_
