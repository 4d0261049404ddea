// Walks JSON values along the structure that JsonIndex found and checks the whole grammar: what it
// skips is valid.
#ifndef MILLRACE_FORMATS_JSON_SCANNER_H_
#define MILLRACE_FORMATS_JSON_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "formats/value.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace {

// A place is a pointer into the index: the next token to take. Functions that take tokens return
// the place after them, or null if the tokens are not the expected ones (see fault()). Places are
// passed by value so that they stay in registers.
//
// The byte after the indexed text must be '\n'. No token begins with it, so the walk stops at the
// end of the index by itself; a caller that walks one row of a longer text checks at the end that
// the walk stayed within the row.
class JsonScanner {
 public:
  using Place = const uint32_t*;

  // `text` may be written to: escaped lone surrogates become U+FFFD.
  void Begin(char* text, size_t size) {
    text_ = text;
    end_ = text + size;
    slash_ = FindSlash(text);
  }

  char TokenAt(Place at) const { return text_[*at]; }
  // The text from the token at `first` to the token of one character at `last`.
  std::string_view Between(Place first, Place last) const {
    return {text_ + *first, *last + 1 - *first};
  }

  // Takes `key` in quotes and the ':' after it, if they come next, without white space. `key` is
  // one that TakeString returned before, followed by at least 16 readable bytes.
  Place TakeKey(Place at, std::string_view key) const {
    const char* const quote = text_ + at[0];
    const size_t colon = at[0] + key.size() + 2;
    const bool taken = at[1] == colon && text_[colon] == ':' && quote[0] == '"' &&
                       text_[colon - 1] == '"' && SameBytes(quote + 1, key.data(), key.size());
    return taken ? at + 2 : nullptr;
  }

  // Takes a string; `inside` is the text between its quotes.
  Place TakeString(Place at, std::string_view* inside) {
    const size_t begin = at[0];
    if (text_[begin] != '"') return Fail("expected a string", begin);
    // Only white space may separate the closing quote from the next token.
    size_t end = at[1] - 1;
    while (IsSpace(text_[end])) --end;
    if (text_[end] != '"' || end == begin) return Fail("a string is not closed", begin);
    *inside = {text_ + begin + 1, end - begin - 1};
    if (HasSlash(inside->data(), inside->size()) && !CheckEscapes(*inside)) return nullptr;
    return at + 1;
  }

  // Takes any value: containers whole, `depth` levels below the top. `rewrite` is set if the text
  // of a container cannot be copied unchanged (see AppendCompactJson).
  Place TakeValue(Place at, int depth, Value* value, bool* rewrite) {
    const char* const begin = text_ + at[0];
    switch (const char c = *begin; c) {
      case '"':
        value->kind = Value::Kind::kJsonText;
        return TakeString(at, &value->text);
      case '{':
      case '[': {
        size_t end = 0;
        const Place behind = SkipContainer(at, depth, &end, rewrite);
        *value = Value::Text(Value::Kind::kJson, {begin, end - at[0]});
        return behind;
      }
      case 'n':
        if (std::memcmp(begin, "null", 4) != 0 || at[1] - at[0] != 4) return TakeWord(at, value);
        *value = Value::Null();
        return at + 1;
      case 't':
        if (std::memcmp(begin, "true", 4) != 0 || at[1] - at[0] != 4) return TakeWord(at, value);
        *value = Value::Bool(true);
        return at + 1;
      case 'f':
        if (at[1] - at[0] != 5 || std::memcmp(begin, "false", 5) != 0) return TakeWord(at, value);
        *value = Value::Bool(false);
        return at + 1;
      default:
        if (IsDigit(c)) return TakeDigits(at, 0, value);
        if (c == '-' && IsDigit(begin[1])) return TakeDigits(at, 1, value);
        return TakeWord(at, value);
    }
  }

  // Why the last Take... returned null, in words, and where in the text.
  const char* fault() const { return fault_; }
  size_t fault_position() const { return fault_position_; }
  Place Fail(const char* what, size_t position) {
    fault_ = what;
    fault_position_ = position;
    return nullptr;
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

  // memcmp for short runs; 16 bytes of each are readable.
  static bool SameBytes(const char* a, const char* b, size_t size) {
#if defined(__SSE2__)
    if (size <= 16) {
      const __m128i left = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
      const __m128i right = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
      const unsigned same = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(left, right)));
      return (~same & ((1u << size) - 1)) == 0;
    }
#endif
    return std::memcmp(a, b, size) == 0;
  }

  const char* FindSlash(const char* from) const {
    const void* found = std::memchr(from, '\\', static_cast<size_t>(end_ - from));
    return found != nullptr ? static_cast<const char*>(found) : end_;
  }

  // True if one of the `size` bytes at `begin` is a backslash. Calls go front to back, so that all
  // of them together scan the text once. What is taken again has been checked before.
  bool HasSlash(const char* begin, size_t size) {
    if (slash_ < begin) slash_ = FindSlash(begin);
    return slash_ < begin + size;
  }

  // Takes a number that has `sign` bytes before its first digit. Common forms are handled here:
  // integers of up to 19 digits and plain decimals, with no white space after them.
  Place TakeDigits(Place at, size_t sign, Value* value) {
    const char* const begin = text_ + at[0];
    const char* const end = text_ + at[1];
    const char* const first = begin + sign;
    const char* digit = first;
    uint64_t magnitude = 0;
    for (; IsDigit(*digit); ++digit)
      magnitude = magnitude * 10 + static_cast<uint64_t>(*digit - '0');
    if (*first == '0' && digit - first > 1) return TakeLongNumber(at, value);
    if (digit == end) {
      const bool exact =
          digit - first <= 19 && magnitude <= INT64_MAX && (magnitude != 0 || sign == 0);
      if (!exact) return TakeLongNumber(at, value);
      value->kind = Value::Kind::kInt;
      value->integer =
          sign == 0 ? static_cast<int64_t>(magnitude) : -static_cast<int64_t>(magnitude);
      value->text = {begin, static_cast<size_t>(end - begin)};
      return at + 1;
    }
    if (*digit != '.' || !IsDigit(digit[1]) || digit - first > 19) return TakeLongNumber(at, value);
    for (digit += 2; IsDigit(*digit);) ++digit;
    if (digit != end) return TakeLongNumber(at, value);
    value->kind = Value::Kind::kNumber;
    value->text = {begin, static_cast<size_t>(end - begin)};
    return at + 1;
  }

  Place TakeLongNumber(Place at, Value* value);
  Place TakeWord(Place at, Value* value);
  Place EndScalar(Place at, size_t end);
  Place SkipContainer(Place at, int depth, size_t* end, bool* rewrite);
  Place SkipScalar(Place at, bool* rewrite);
  bool CheckEscapes(std::string_view inside);

  char* text_ = nullptr;
  const char* end_ = nullptr;
  const char* slash_ = nullptr;  // the first backslash not passed yet, or end_
  const char* fault_ = "";
  size_t fault_position_ = 0;
};

// Appends valid JSON without the line ends between its tokens; NaN and Infinity, which some writers
// (Python's) emit, and numbers that exceed a double become null. At most a third longer than
// `json`.
void AppendCompactJson(ByteBuffer& out, std::string_view json);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_SCANNER_H_
