// Decoding split CSV records into cells (RFC 4180).
#ifndef MILLRACE_FORMATS_CSV_DECODER_H_
#define MILLRACE_FORMATS_CSV_DECODER_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/byte_buffer.h"
#include "formats/csv_dialect.h"
#include "formats/decode_scratch.h"
#include "formats/text_rows.h"

namespace millrace {

// The texts that mean null in an unquoted cell; the empty one always does.
class NullTexts {
 public:
  explicit NullTexts(std::vector<std::string> texts);
  bool Contains(std::string_view cell) const;

 private:
  std::vector<std::string> texts_;
  std::array<bool, 256> begins_ = {};  // by first byte
};

// What the rows of one file have in common.
struct CsvSchema {
  CsvDialect dialect;
  RowShape shape;
  NullTexts null_texts;
  bool has_header = true;  // that named the columns
  bool has_entry = true;   // see ReadOptions
};

// Cells become kText or null; the mapping determines their types. Bad rows: more or fewer cells
// than the header, an unclosed quote, text after a closing quote, invalid UTF-8.
class CsvDecoder : public FormatScratch {
 public:
  void Decode(const TextRows& rows, const CsvSchema& schema, RowVisitor& visitor);

  // Splits one record, which must be in a ByteBuffer, and returns how many cells it has. cells()
  // returns the first `max_kept` of them, valid until the next call.
  absl::StatusOr<size_t> Split(std::string_view record, const CsvDialect& dialect,
                               const NullTexts& null_texts, size_t max_kept);
  const std::vector<Value>& cells() const { return cells_; }

 private:
  absl::Status DecodeRow(std::string_view record, const CsvSchema& schema);
  const char* TakeQuoted(const char* begin, const char* end, char quote_mark, Value* cell);

  std::vector<Value> cells_;
  ByteBuffer unquoted_;  // cells with doubled quotes
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_CSV_DECODER_H_
