#include "formats/json_value.h"

#include "base/byte_buffer.h"
#include "formats/json_index.h"
#include "formats/json_scanner.h"
#include "formats/row_reader.h"

namespace millrace {

struct JsonValueParser::Parts {
  ByteBuffer text;
  ByteBuffer compact;
  JsonIndex index;
  JsonScanner scanner;
};

JsonValueParser::JsonValueParser() : parts_(std::make_unique<Parts>()) {}
JsonValueParser::~JsonValueParser() = default;

bool JsonValueParser::Parse(std::string_view text, Value* value) {
  if (text.size() > kMaxRowBytes) return false;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return false;
  ByteBuffer& copy = parts_->text;
  copy.clear();
  copy.Append(text);
  copy.Append('\n');  // ends a number at the end of the text
  if (parts_->index.Index(copy.view(0, text.size())) != JsonIndex::Result::kOk) return false;

  JsonScanner& scanner = parts_->scanner;
  scanner.Begin(copy.data(), text.size());
  bool rewrite = false;
  const JsonScanner::Place behind =
      scanner.TakeValue(parts_->index.positions(), /*depth=*/0, value, &rewrite);
  if (behind == nullptr || *behind < text.size()) return false;
  if (value->kind != Value::Kind::kJson) return true;
  if (rewrite || value->text.find_first_of("\r\n") != std::string_view::npos) {
    parts_->compact.clear();
    AppendCompactJson(parts_->compact, value->text);
    value->text = parts_->compact.view();
  }
  return true;
}

}  // namespace millrace
