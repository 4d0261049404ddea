// The shapes of JSON rows: most rows of a file have the same keys in the same order.
#ifndef MILLRACE_FORMATS_SHAPE_CACHE_H_
#define MILLRACE_FORMATS_SHAPE_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/byte_buffer.h"
#include "formats/row.h"

namespace millrace {

// A sequence of keys as written in the text, and its shape.
struct KeySequence {
  std::vector<std::string_view> raw_keys;  // inside the quotes, with escapes unchanged
  ByteBuffer raw_bytes;  // the text that they view, with the buffer's padding after it
  RowShape shape;        // the keys unescaped, each once
  // For sequences that repeat a key: the cell of each key (the last value counts). Else empty.
  std::vector<uint32_t> cells;
};

// One thread at a time. Bounded: when it is full, it is emptied.
class ShapeCache {
 public:
  ShapeCache();
  ~ShapeCache();

  // Valid until the next call; `raw_keys` may be views of the last result.
  const KeySequence& Find(const std::vector<std::string_view>& raw_keys);

 private:
  absl::flat_hash_map<std::string, std::unique_ptr<KeySequence>> sequences_;
  size_t bytes_ = 0;    // of the map's keys
  std::string joined_;  // the map's key of the sequence looked up
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_SHAPE_CACHE_H_
