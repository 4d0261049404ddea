// Decoding split JSON rows into cells.
#ifndef MILLRACE_FORMATS_JSON_DECODER_H_
#define MILLRACE_FORMATS_JSON_DECODER_H_

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/byte_buffer.h"
#include "formats/decode_scratch.h"
#include "formats/json_index.h"
#include "formats/json_scanner.h"
#include "formats/shape_cache.h"
#include "formats/text_rows.h"

namespace millrace {

// Rows are JSON objects. Strings become kJsonText, 64-bit integers kInt and kUint, other numbers
// kNumber with their digits, objects and lists kJson; NaN, Infinity and -Infinity become null. If a
// row repeats a key, the last value counts; repeated keys in nested objects stay unchanged. Bad
// rows: invalid JSON or UTF-8, not an object, nested deeper than kMaxJsonDepth (the row itself
// counts as one), more than 10,000 keys.
class JsonDecoder : public FormatScratch {
 public:
  // `lines`: each row is one line, without line ends in it.
  void Decode(TextRows& rows, bool lines, RowVisitor& visitor);

 private:
  void DecodeAlone(TextRows& rows, size_t i, RowVisitor& visitor);
  JsonScanner::Place DecodeRow(const TextRows& rows, size_t i, size_t base,
                               JsonScanner::Place place, RowVisitor& visitor);
  JsonScanner::Place TakeRow(JsonScanner::Place at, size_t end);
  JsonScanner::Place TakeField(JsonScanner::Place at);
  JsonScanner::Place TakeOtherKey(JsonScanner::Place at);
  void NoteKey(std::string_view key);
  void Rewrite(Value& value);
  Row MakeRow(uint64_t number);

  JsonIndex index_;
  JsonScanner scanner_;
  ShapeCache shapes_;
  bool multiline_ = false;  // rows may contain line ends

  // Of the current row:
  size_t row_size_ = 0;
  std::vector<Value> values_;  // in the order of the keys
  size_t fields_ = 0;          // how many of them there are
  ByteBuffer rewritten_;       // cells that cannot be shown unchanged
  // `keys_` is not kept while each key equals the last row's.
  const KeySequence* predicted_ = nullptr;
  bool as_predicted_ = false;
  std::vector<std::string_view> keys_;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_DECODER_H_
