// Walks JSON values along the structure that JsonIndex found, and checks all of the grammar on the
// way: what it passes over is valid.
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

// Offsets are those of the index. Strings and scalars that the walk has taken lie before next().
//
// The byte behind the indexed text must be '\n'. No token begins with it, so the walk stops at the
// end of the index by itself; a caller that walks one row of a longer text checks at the end that
// it has not left the row.
class JsonScanner {
 public:
  // `text` may be written to: escaped lone surrogates become U+FFFD.
  void Begin(char* text, size_t size, const uint32_t* positions) {
    text_ = text;
    end_ = text + size;
    next_ = positions;
    slash_ = text;
    if (size != 0) slash_ = FindSlash(text);
  }

  // The next token, without taking it.
  size_t position() const { return *next_; }
  char token() const { return text_[*next_]; }
  // The place in the index, to come back to.
  const uint32_t* place() const { return next_; }
  // Goes on at the first token that is neither before `place` nor before `offset`.
  void MoveTo(const uint32_t* place, size_t offset) {
    next_ = place;
    while (*next_ < offset) ++next_;
  }

  // Takes the token if it is `c`.
  bool Take(char c) {
    if (token() != c) return false;
    ++next_;
    return true;
  }

  // Takes `key` in quotes and the ':' behind it, if that is what comes next, without any space.
  // `key` is one that TakeString gave before, followed by at least 16 readable bytes.
  bool TakeKey(std::string_view key) {
    const char* const quote = text_ + *next_;
    const size_t colon = *next_ + key.size() + 2;
    if (next_[1] != colon || text_[colon] != ':' || *quote != '"' || text_[colon - 1] != '"') {
      return false;
    }
    if (!SameBytes(quote + 1, key.data(), key.size())) return false;
    next_ += 2;
    return true;
  }

  // Takes a string; `inside` is what lies between its quotes.
  bool TakeString(std::string_view* inside) {
    const size_t begin = *next_;
    if (text_[begin] != '"') return Fail("expected a string", begin);
    // Nothing but space may lie between the closing quote and the next token.
    size_t end = *++next_ - 1;
    while (IsSpace(text_[end])) --end;
    if (text_[end] != '"' || end == begin) return Fail("a string is not closed", begin);
    *inside = {text_ + begin + 1, end - begin - 1};
    if (HasSlash(inside->data(), inside->size())) return TakeEscapes(*inside);
    return true;
  }

  // Takes any value: containers whole, `depth` levels below the top. `rewrite` is set if the text
  // of a container cannot be copied as it stands (see AppendCompactJson).
  bool TakeValue(int depth, Value* value, bool* rewrite) {
    switch (const char c = token(); c) {
      case '"':
        value->kind = Value::Kind::kJsonText;
        return TakeString(&value->text);
      case '{':
      case '[': {
        const size_t begin = *next_;
        if (!SkipContainer(depth, rewrite)) return false;
        value->kind = Value::Kind::kJson;
        value->text = {text_ + begin, container_end_ - begin};
        return true;
      }
      default:
        if (IsDigit(c)) return TakeDigits(*next_, value);
        if (c == '-' && IsDigit(text_[*next_ + 1])) return TakeDigits(*next_ + 1, value);
        if (c == 'n' && next_[1] == *next_ + 4 && std::memcmp(text_ + *next_, "null", 4) == 0) {
          ++next_;
          value->kind = Value::Kind::kNull;
          return true;
        }
        return TakeWord(value);
    }
  }

  // Why the last Take... returned false, in words, and where.
  const char* fault() const { return fault_; }
  size_t fault_position() const { return fault_position_; }
  bool Fail(const char* what, size_t position) {
    fault_ = what;
    fault_position_ = position;
    return false;
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

  // True if one of the `size` bytes at `begin` is a backslash. Asked front to back, so that all
  // calls together look at the text once.
  bool HasSlash(const char* begin, size_t size) {
    if (slash_ < begin) slash_ = FindSlash(begin);
    return slash_ < begin + size;
  }

  // Takes the number of which the first digit is at `digit`, and a sign possibly before it. What is
  // common is done here: integers of up to 19 digits and plain decimals, without space behind.
  bool TakeDigits(size_t digit, Value* value) {
    const size_t begin = *next_;
    const size_t end = next_[1];
    size_t at = digit;
    uint64_t magnitude = 0;
    while (IsDigit(text_[at])) {
      magnitude = magnitude * 10 + static_cast<uint64_t>(text_[at++] - '0');
    }
    if (text_[digit] == '0' && at - digit > 1) return TakeLongNumber(value);
    if (at != end) {
      if (text_[at] != '.' || !IsDigit(text_[at + 1])) return TakeLongNumber(value);
      for (at += 2; IsDigit(text_[at]);) ++at;
      if (at != end) return TakeLongNumber(value);
      value->kind = Value::Kind::kNumber;
      value->text = {text_ + begin, end - begin};
    } else {
      const bool exact =
          at - digit <= 19 && magnitude <= INT64_MAX && (magnitude != 0 || digit == begin);
      if (!exact) return TakeLongNumber(value);
      value->kind = Value::Kind::kInt;
      value->integer = static_cast<int64_t>(magnitude);
      if (digit != begin) value->integer = -value->integer;
    }
    ++next_;
    return true;
  }

  bool TakeLongNumber(Value* value);
  bool TakeWord(Value* value);
  bool TakeEscapes(std::string_view inside);
  bool SkipContainer(int depth, bool* rewrite);
  bool SkipScalar(bool* rewrite);
  bool EndScalar(size_t end);

  char* text_ = nullptr;
  const char* end_ = nullptr;
  const uint32_t* next_ = nullptr;
  const char* slash_ = nullptr;  // the first backslash not passed yet, or end_
  size_t container_end_ = 0;     // of the container skipped last
  const char* fault_ = "";
  size_t fault_position_ = 0;
};

// Appends valid JSON without the line ends between its tokens, and with null for the NaN and
// Infinity that some writers (Python's) leave in it. At most a third longer than `json`.
void AppendCompactJson(ByteBuffer& out, std::string_view json);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_JSON_SCANNER_H_
