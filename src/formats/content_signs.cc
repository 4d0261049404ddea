#include "formats/content_signs.h"

#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"

namespace millrace {
namespace {

constexpr size_t kMagicContext = 64;  // bytes that show whether text follows a magic number
constexpr size_t kMaxShownBytes = 60;

struct Magic {
  std::string_view bytes;
  std::string_view name;
};

constexpr Magic kForeign[] = {
    {"PAR1", "a Parquet file (decompress it first)"},
    {"PARE", "an encrypted Parquet file (decrypt it first)"},
    {"ORC", "an ORC file (convert it to Parquet)"},
    {"Obj\x01", "an Avro file (convert it to Parquet)"},
    {"PK\x03\x04", "a ZIP archive or a spreadsheet (unpack it, or save it as CSV)"},
    {"\xd0\xcf\x11\xe0", "an old Excel file (save it as CSV)"},
    {"BZh", "bzip2 (use gzip or zstd)"},
    {"\xfd\x37zXZ", "xz (use gzip or zstd)"},
    {"\x04\x22\x4d\x18", "LZ4 (use gzip or zstd)"},
    {"\xff\x06\x00\x00sNaPpY", "framed Snappy (use gzip or zstd)"},
    {"\x1f\x8b", "gzip again (decompress it once)"},
    {"\x28\xb5\x2f\xfd", "zstd again (decompress it once)"},
    {"SQLite format 3", "a SQLite database (export its table as CSV)"},
    {"\xff\xfe", "UTF-16 text (convert it to UTF-8)"},
    {"\xfe\xff", "UTF-16 text (convert it to UTF-8)"},
};

bool IsPrintable(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// UTF-16 without a byte order mark: every other byte of its ASCII is zero.
bool LooksLikeUtf16(std::string_view head) {
  if (head.size() < 8) return false;
  for (const size_t zero : {size_t{0}, size_t{1}}) {
    bool fits = true;
    for (size_t i = 0; i < 8 && fits; ++i) fits = (head[i] == '\0') == (i % 2 == zero);
    if (fits) return true;
  }
  return false;
}

bool IsTar(std::string_view head) {
  constexpr size_t kPlace = 257;  // POSIX.1-1988: the field "magic" of a header
  return head.size() > kPlace && head.substr(kPlace, 5) == "ustar";
}

// The text of the first element <name> of `xml`; empty if there is none.
std::string_view ElementText(std::string_view xml, std::string_view name) {
  const std::string open = StrCat("<", name, ">");
  const size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const std::string_view inside = xml.substr(begin + open.size());
  return inside.substr(0, std::min(inside.find('<'), inside.size()));
}

// Whether `text` ends a tag as documents do, unlike a cell such as "<DATE>,".
bool BeginsTag(std::string_view text) {
  if (text.size() < 2 || text[0] != '<') return false;
  if (text[1] == '?' || text[1] == '!') return true;
  const bool name = (text[1] | 0x20) >= 'a' && (text[1] | 0x20) <= 'z';
  const size_t close = text.find('>');
  if (!name || close == std::string_view::npos || text.find('\n') < close) return false;
  const size_t next = text.find_first_not_of(" \r\n", close + 1);
  return next == std::string_view::npos ||
         std::string_view(",\t;|").find(text[next]) == std::string_view::npos;
}

}  // namespace

bool IsControl(char c) { return static_cast<unsigned char>(c) < ' ' && (c < '\t' || c > '\r'); }

std::optional<std::string> FindForeignFormat(std::string_view head) {
  const std::string_view context = head.substr(0, kMagicContext);
  const bool has_control = std::any_of(context.begin(), context.end(), IsControl);
  for (const Magic& magic : kForeign) {
    if (head.substr(0, magic.bytes.size()) != magic.bytes) continue;
    if (has_control || !IsPrintable(magic.bytes)) return std::string(magic.name);
  }
  if (IsTar(head)) return "a tar archive (unpack it first)";
  if (LooksLikeUtf16(head)) return "UTF-16 text (convert it to UTF-8)";
  return std::nullopt;
}

bool BeginsJson(std::string_view text) {
  const size_t second = text.find_first_not_of(" \t\r\n", 1);
  if (second == std::string_view::npos) return text[0] == '{' || text[0] == '[';
  if (text[0] == '{') return text[second] == '"' || text[second] == '}';
  return text[0] == '[' && std::string_view("{[]\"").find(text[second]) != std::string_view::npos;
}

bool BeginsListOfNumbers(std::string_view text) {
  const size_t open = text.find_first_not_of(" \t\r\n");
  if (open == std::string_view::npos || text[open] != '[') return false;
  const size_t first = text.find_first_not_of(" \t\r\n", open + 1);
  return first != std::string_view::npos &&
         (text[first] == '-' || (text[first] >= '0' && text[first] <= '9'));
}

bool HasLineOfJson(std::string_view text) {
  for (size_t at = text.find("\n{"); at != std::string_view::npos; at = text.find("\n{", at + 1)) {
    if (BeginsJson(text.substr(at + 1))) return true;
  }
  return false;
}

std::optional<std::string> DescribeMarkup(std::string_view text) {
  if (!BeginsTag(text)) return std::nullopt;
  const std::string_view code = ElementText(text, "Code");
  const std::string_view message = ElementText(text, "Message");
  if (!code.empty()) {
    return StrCat("the XML of an error that was saved instead of the data (",
                  CutUtf8(code, kMaxShownBytes), message.empty() ? "" : ": ",
                  CutUtf8(message, 2 * kMaxShownBytes), ")");
  }
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return StrCat("XML or HTML, such as an error page that was saved instead of the data (\"",
                CutUtf8(line, kMaxShownBytes), line.size() > kMaxShownBytes ? "..." : "", "\")");
}

}  // namespace millrace
