// Appending JSON text, fast and without objects. Reading JSON: simdjson (hot) or nlohmann (cold).
#ifndef MILLRACE_BASE_JSON_WRITER_H_
#define MILLRACE_BASE_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {

// Appends `text` as a JSON string with its quotes: '"', '\' and bytes below 0x20 are escaped,
// everything else is copied. `text` must be valid UTF-8 for the result to be.
void AppendJsonString(ByteBuffer& out, std::string_view text);
void AppendJsonString(std::string& out, std::string_view text);

void AppendJsonInt(ByteBuffer& out, int64_t value);
void AppendJsonUint(ByteBuffer& out, uint64_t value);

// The shortest digits that read back as the same double; "null" for NaN and infinities.
void AppendJsonDouble(ByteBuffer& out, double value);
void AppendJsonFloat(ByteBuffer& out, float value);

// `bytes` as a JSON string of standard base64 with padding (RFC 4648 section 4).
void AppendJsonBase64(ByteBuffer& out, std::string_view bytes);

}  // namespace millrace

#endif  // MILLRACE_BASE_JSON_WRITER_H_
