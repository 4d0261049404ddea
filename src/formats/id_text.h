// Numbers as the text of ids: one spelling per number, whatever its format and type.
#ifndef MILLRACE_FORMATS_ID_TEXT_H_
#define MILLRACE_FORMATS_ID_TEXT_H_

#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"

namespace millrace {

// Appends the number `json` (as JSON spells it) without an exponent and without redundant zeros:
// "12345.0", "1.2345e4" and "12345" become "12345", "1.50" becomes "1.5". A number that would take
// more than 400 digits stays unchanged.
void AppendPlainNumber(ByteBuffer& out, std::string_view json);

// IdText() of any value.
std::string_view IdTextOfAny(const Value& value, ByteBuffer& scratch);

// The text of `value` as an id or a name: numbers as AppendPlainNumber() spells them,
// floating-point numbers with the shortest digits that read back as the same number, everything
// else as AppendPlainText() writes it. Empty, which means none, for null and blank text. A view of
// the value itself if possible, else of `scratch`, whose content is replaced.
inline std::string_view IdText(const Value& value, ByteBuffer& scratch) {
  const bool usual = value.kind == Value::Kind::kText && !value.text.empty() &&
                     static_cast<unsigned char>(value.text.front()) > ' ';
  return usual ? value.text : IdTextOfAny(value, scratch);
}

// True if `text` is empty or contains only spaces, tabs and line ends.
inline bool IsBlank(std::string_view text) {
  if (!text.empty() && static_cast<unsigned char>(text.front()) > ' ') return false;
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Appends `value` as a JSON string; `id` is its IdText().
void AppendIdAsJson(ByteBuffer& out, const Value& value, std::string_view id);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_ID_TEXT_H_
