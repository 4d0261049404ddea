// Numbers as the text of ids: one spelling for each, whatever format and type they came in.
#ifndef MILLRACE_FORMATS_ID_TEXT_H_
#define MILLRACE_FORMATS_ID_TEXT_H_

#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"

namespace millrace {

// Appends the number `json` (as JSON spells it) without exponent and without zeros that say
// nothing: "12345.0", "1.2345e4" and "12345" are "12345", "1.50" is "1.5". What would take more
// than 400 digits stays as it is.
void AppendPlainNumber(ByteBuffer& out, std::string_view json);

// IdText() of any value.
std::string_view IdTextOfAny(const Value& value, ByteBuffer& scratch);

// The text of `value` as an id or a name: numbers as AppendPlainNumber() spells them, those of
// floating point by the shortest digits that read back as the same number, all else as
// AppendPlainText() does. Empty, which means none, for null and for text of blanks alone. A view of
// the value itself where possible, else of `scratch`, whose content is replaced.
inline std::string_view IdText(const Value& value, ByteBuffer& scratch) {
  const bool usual = value.kind == Value::Kind::kText && !value.text.empty() &&
                     static_cast<unsigned char>(value.text.front()) > ' ';
  return usual ? value.text : IdTextOfAny(value, scratch);
}

// True if `text` is empty or nothing but space, tabs and line ends.
inline bool IsBlank(std::string_view text) {
  if (!text.empty() && static_cast<unsigned char>(text.front()) > ' ') return false;
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Appends `value` as a JSON string; `id` is its IdText().
void AppendIdAsJson(ByteBuffer& out, const Value& value, std::string_view id);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ID_TEXT_H_
