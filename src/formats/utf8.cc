#include "formats/utf8.h"

#include <cstddef>

#include "absl/strings/str_format.h"
#include "simdjson.h"

namespace millrace {
namespace {

// The length of the sequence that begins with `lead`; 0 if none does.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

size_t FirstBadByte(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(static_cast<unsigned char>(text[at]));
    if (length == 0 || at + length > text.size() || !IsUtf8(text.substr(at, length))) return at;
    at += length;
  }
  return text.size();
}

}  // namespace

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

absl::Status NotUtf8(std::string_view row) {
  const size_t at = FirstBadByte(row);
  const unsigned byte = at < row.size() ? static_cast<unsigned char>(row[at]) : 0;
  return absl::InvalidArgumentError(absl::StrFormat(
      "not UTF-8: byte 0x%02X at byte %d of the row; if the file is Latin-1 or Windows-1252, "
      "convert it first (iconv -f WINDOWS-1252 -t UTF-8)",
      byte, at));
}

}  // namespace millrace
