#include "connectors/postgres/copy_text.h"

#include <charconv>
#include <cstring>

namespace millrace::postgres {
namespace {

// The letter after the '\' of an escape; 0: the character stands for itself.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  escapes['\\'] = '\\';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  return escapes;
}();

// What the letter after a '\' of an escape stands for.
char Unescape(char letter) {
  constexpr std::string_view kLetters = "bfnrtv";
  constexpr std::string_view kControls = "\b\f\n\r\t\v";
  const size_t at = kLetters.find(letter);
  return at == std::string_view::npos ? letter : kControls[at];
}

// `value` with at least `width` digits.
char* WriteDigits(char* out, int64_t value, int width) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (auto size = end - digits; size < width; ++size) *out++ = '0';
  std::memcpy(out, digits, static_cast<size_t>(end - digits));
  return out + (end - digits);
}

char* WriteTwo(char* out, int64_t value) {
  out[0] = static_cast<char>('0' + value / 10);
  out[1] = static_cast<char>('0' + value % 10);
  return out + 2;
}

}  // namespace

void AppendCopyText(ByteBuffer& out, std::string_view text) {
  char* const begin = out.Reserve(2 * text.size());
  char* to = begin;
  for (const char c : text) {
    const char escape = kEscapes[static_cast<unsigned char>(c)];
    if (escape == 0) {
      *to++ = c;
    } else {
      *to++ = '\\';
      *to++ = escape;
    }
  }
  out.Commit(static_cast<size_t>(to - begin));
}

void TakeCopyColumn(std::string_view& row, std::string& text) {
  const size_t end = row.find('\t');
  std::string_view column = row.substr(0, end);
  row.remove_prefix(end == std::string_view::npos ? row.size() : end + 1);
  text.clear();
  if (column == "\\N") return;
  for (size_t i = 0; i < column.size(); ++i) {
    const bool is_escape = column[i] == '\\' && i + 1 < column.size();
    text += is_escape ? Unescape(column[++i]) : column[i];
  }
}

void AppendCopyJson(ByteBuffer& out, std::string_view json) {
  char* const begin = out.Reserve(2 * json.size());
  char* to = begin;
  const char* from = json.data();
  const char* const end = from + json.size();
  while (from < end) {
    const auto* found =
        static_cast<const char*>(std::memchr(from, '\\', static_cast<size_t>(end - from)));
    const char* const stop = found == nullptr ? end : found;
    std::memcpy(to, from, static_cast<size_t>(stop - from));
    to += stop - from;
    from = stop;
    if (found == nullptr) break;
    *to++ = '\\';
    *to++ = '\\';
    ++from;
  }
  out.Commit(static_cast<size_t>(to - begin));
}

// Days to a date of the Gregorian calendar, in eras of 400 years that begin in March (Howard
// Hinnant, "chrono-Compatible Low-Level Date Algorithms").
void CopyTimeWriter::SetDay(int64_t day) {
  const int64_t shifted = day + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t of_era = shifted - era * 146097;
  const int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t march_month = (5 * of_year + 2) / 153;
  const int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  day_ = day;
  before_christ_ = year < 1;
  char* to = WriteDigits(text_.data(), before_christ_ ? 1 - year : year, 4);
  *to++ = '-';
  to = WriteTwo(to, month);
  *to++ = '-';
  to = WriteTwo(to, of_year - (153 * march_month + 2) / 5 + 1);
  *to++ = ' ';
  size_ = static_cast<size_t>(to - text_.data());
}

void CopyTimeWriter::Append(ByteBuffer& out, int64_t micros) {
  const int64_t day = DayOf(micros);
  if (day != day_) SetDay(day);
  const int64_t of_day = micros - day * kMicrosPerDay;
  char* const begin = out.Reserve(text_.size() + 24);
  std::memcpy(begin, text_.data(), text_.size());
  char* to = begin + size_;
  const int64_t seconds = of_day / 1'000'000;
  to = WriteTwo(to, seconds / 3600);
  *to++ = ':';
  to = WriteTwo(to, seconds / 60 % 60);
  *to++ = ':';
  to = WriteTwo(to, seconds % 60);
  if (const int64_t fraction = of_day % 1'000'000; fraction != 0) {
    *to++ = '.';
    to = WriteDigits(to, fraction, 6);
    while (to[-1] == '0') --to;
  }
  std::memcpy(to, "+00", 3);
  to += 3;
  if (before_christ_) {
    std::memcpy(to, " BC", 3);
    to += 3;
  }
  out.Commit(static_cast<size_t>(to - begin));
}

}  // namespace millrace::postgres
