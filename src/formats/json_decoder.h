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
  // An object of the current row: the row itself, or a cell that is opened.
  struct Object {
    std::vector<Value> values;  // in the order of the keys
    size_t fields = 0;          // how many of them there are
    ByteBuffer rewritten;       // cells that cannot be shown unchanged
    bool is_canonical = true;   // its text can be copied, but for line ends
    ShapeCache shapes;
    // `keys` is not kept while each key equals the last object's.
    const KeySequence* predicted = nullptr;
    bool as_predicted = false;
    std::vector<std::string_view> keys;
  };

  void DecodeAlone(TextRows& rows, size_t i, RowVisitor& visitor);
  JsonScanner::Place DecodeRow(const TextRows& rows, size_t i, size_t base,
                               JsonScanner::Place place, RowVisitor& visitor);
  JsonScanner::Place TakeRow(JsonScanner::Place at, size_t end);
  JsonScanner::Place TakeObject(Object& object, JsonScanner::Place at, int depth);
  JsonScanner::Place TakeField(Object& object, JsonScanner::Place at, int depth);
  JsonScanner::Place TakeOtherKey(Object& object, JsonScanner::Place at, std::string_view* key);
  JsonScanner::Place TakeCell(std::string_view key, JsonScanner::Place at, int depth, Value* value,
                              bool* rewrite);
  static void NoteKey(Object& object, std::string_view key);
  void Rewrite(Object& object, Value& value) const;
  static Row MakeRow(Object& object, uint64_t number);

  JsonIndex index_;
  JsonScanner scanner_;
  bool multiline_ = false;  // rows may contain line ends
  std::string_view opens_;  // the visitor's

  // Of the current row:
  size_t row_size_ = 0;
  Object row_;
  Object opened_;
  bool is_opened_ = false;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_DECODER_H_
