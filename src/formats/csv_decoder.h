// Cut CSV records to cells (RFC 4180).
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

// The texts that mean null in a cell without quotes; the empty one always does.
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

// Cells become kText, or null; their types are the mapping's to find. Bad rows: more or fewer cells
// than the header, a quote that is not closed, text after a closing quote, what is not UTF-8.
class CsvDecoder : public FormatScratch {
 public:
  void Decode(const TextRows& rows, const CsvSchema& schema, RowVisitor& visitor);

  // Splits one record, which lies in a ByteBuffer, and returns how many cells it has. cells() are
  // the first `max_kept` of them, valid until the next call.
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
