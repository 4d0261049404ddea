// Values as plain text: for ids, for typed conversions, and in messages.
#ifndef MILLRACE_MAPPING_VALUE_TEXT_H_
#define MILLRACE_MAPPING_VALUE_TEXT_H_

#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "formats/value.h"

namespace millrace {

// The plain text of `value`, as AppendPlainText writes it, except that whole floating-point numbers
// below 2^53 have no exponent (ids that were doubles). A view of the value itself if possible, else
// of `scratch`, whose content is replaced.
std::string_view PlainText(const Value& value, ByteBuffer& scratch);

// `value` as JSON for a message, truncated to about 80 bytes.
std::string QuoteValue(const Value& value);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_VALUE_TEXT_H_
