#include "formats/utf8_validation.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "base/utf8.h"
#include "simdjson.h"

namespace millrace {

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

absl::Status NotUtf8(std::string_view row) {
  const size_t at = FindMalformedUtf8(row);
  const unsigned byte = at < row.size() ? static_cast<unsigned char>(row[at]) : 0;
  return absl::InvalidArgumentError(absl::StrFormat(
      "not UTF-8: byte 0x%02X at byte %d of the row; if the file is Latin-1 or Windows-1252, "
      "convert it first (iconv -f WINDOWS-1252 -t UTF-8)",
      byte, at));
}

}  // namespace millrace
