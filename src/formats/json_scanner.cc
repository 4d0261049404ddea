#include "formats/json_scanner.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "formats/json_text.h"
#include "formats/row_reader.h"

namespace millrace {
namespace {

struct Word {
  std::string_view text;
  Value value;
};

const Word kWords[] = {
    {"true", Value::Bool(true)}, {"false", Value::Bool(false)}, {"null", Value::Null()},
    {"NaN", Value::Null()},      {"Infinity", Value::Null()},   {"-Infinity", Value::Null()},
};
constexpr std::string_view kNotFinite[] = {"NaN", "Infinity", "-Infinity"};

// Whether a number with JSON's grammar is larger than any double: other readers read it as
// infinity.
bool Overflows(std::string_view number) {
  constexpr size_t kSafeDigits = 300;
  const bool has_exponent = number.find_first_of("eE") != std::string_view::npos;
  if (!has_exponent && number.size() <= kSafeDigits) return false;
  double value = 0;
  const auto result = absl::from_chars(number.data(), number.data() + number.size(), value);
  return result.ec == std::errc::result_out_of_range && std::fabs(value) > 1;
}

}  // namespace

// Takes the rest of a scalar that ends at `end`: only white space may precede the next token.
JsonScanner::Place JsonScanner::EndScalar(Place at, size_t end) {
  for (const size_t next = at[1]; end < next; ++end) {
    if (!IsSpace(text_[end])) return Fail("unexpected text after a value", end);
  }
  return at + 1;
}

// Checks the whole grammar of numbers. 64-bit integers become integer values; other numbers keep
// their digits, but become null if they exceed a double.
JsonScanner::Place JsonScanner::TakeLongNumber(Place at, Value* value) {
  const size_t begin = at[0];
  size_t end = begin;
  if (text_[end] == '-') ++end;
  if (text_[end] == '0' && IsDigit(text_[end + 1])) {
    return Fail("a number must not begin with 0", begin);
  }
  while (IsDigit(text_[end])) ++end;
  bool integer = true;
  if (text_[end] == '.') {
    integer = false;
    if (!IsDigit(text_[++end])) return Fail("expected a digit after '.'", end);
    while (IsDigit(text_[end])) ++end;
  }
  if (text_[end] == 'e' || text_[end] == 'E') {
    integer = false;
    ++end;
    if (text_[end] == '+' || text_[end] == '-') ++end;
    if (!IsDigit(text_[end])) return Fail("expected a digit in the exponent", end);
    while (IsDigit(text_[end])) ++end;
  }
  const std::string_view digits(text_ + begin, end - begin);
  int64_t number = 0;
  uint64_t large = 0;
  *value = Value::Text(Value::Kind::kNumber, digits);
  if (integer && digits != "-0") {
    if (std::from_chars(digits.begin(), digits.end(), number).ec == std::errc()) {
      *value = Value::Int(number);
    } else if (digits[0] != '-' &&
               std::from_chars(digits.begin(), digits.end(), large).ec == std::errc()) {
      *value = Value::Uint(large);
    }
  }
  if (value->kind == Value::Kind::kNumber && Overflows(digits)) *value = Value::Null();
  return EndScalar(at, end);
}

JsonScanner::Place JsonScanner::TakeWord(Place at, Value* value) {
  const size_t begin = at[0];
  const std::string_view text(text_ + begin, at[1] - begin);
  for (const Word& word : kWords) {
    if (text.substr(0, word.text.size()) == word.text) {
      *value = word.value;
      return EndScalar(at, begin + word.text.size());
    }
  }
  return Fail("expected a value", begin);
}

bool JsonScanner::CheckEscapes(std::string_view inside) {
  const size_t bad = FindBadEscape(inside);
  const size_t begin = static_cast<size_t>(inside.data() - text_);
  if (bad != std::string_view::npos) {
    Fail("unknown escape in a string", begin + bad);
    return false;
  }
  ReplaceLoneSurrogates(text_ + begin, inside.size());
  return true;
}

JsonScanner::Place JsonScanner::SkipScalar(Place at, bool* rewrite) {
  if (TokenAt(at) == '"') {
    std::string_view inside;
    return TakeString(at, &inside);
  }
  Value value;
  bool ignored = false;
  const Place behind = TakeValue(at, kMaxJsonDepth, &value, &ignored);
  if (value.is_null() && TokenAt(at) != 'n') *rewrite = true;
  return behind;
}

// A loop instead of recursion: the kinds of the open containers are bits (1: object). *end is set
// to the offset after the container.
JsonScanner::Place JsonScanner::SkipContainer(Place at, int depth, size_t* end, bool* rewrite) {
  static_assert(kMaxJsonDepth == 64, "as many as there are bits, and as the message says");
  uint64_t kinds = 0;
  const int outer = depth;
  bool expects_value = true;  // else: a comma or the end of a container
  do {
    const char c = TokenAt(at);
    if (expects_value && c != '{' && c != '[') {
      at = SkipScalar(at, rewrite);
      if (at == nullptr) return nullptr;
      expects_value = false;
      continue;
    }
    if (expects_value) {
      if (depth == kMaxJsonDepth) return Fail("nested more than 64 levels deep", *at);
      ++depth;
      kinds = kinds << 1 | (c == '{' ? 1 : 0);
      expects_value = TokenAt(++at) != (c == '{' ? '}' : ']');
      if (!expects_value) continue;
    } else {
      const bool in_object = (kinds & 1) != 0;
      if (c == (in_object ? '}' : ']')) {
        *end = *at++ + 1;
        --depth;
        kinds >>= 1;
        continue;
      }
      if (c != ',') {
        return Fail(
            in_object ? "expected ',' or '}' in an object" : "expected ',' or ']' in a list", *at);
      }
      ++at;
      expects_value = true;
    }
    if ((kinds & 1) != 0) {
      std::string_view key;
      if (TokenAt(at) != '"') return Fail("expected a key in quotes", *at);
      at = TakeString(at, &key);
      if (at == nullptr) return nullptr;
      if (TokenAt(at) != ':') return Fail("expected ':' after a key", *at);
      ++at;
    }
  } while (depth > outer);
  return at;
}

void AppendCompactJson(ByteBuffer& out, std::string_view json) {
  while (!json.empty()) {
    size_t taken = 1;
    std::string_view shown = json.substr(0, 1);
    if (json[0] == '"') {
      while (json[taken] != '"') taken += json[taken] == '\\' ? 2 : 1;
      shown = json.substr(0, ++taken);
    } else if (json[0] == '\n' || json[0] == '\r') {
      shown = {};
    } else {
      for (const std::string_view word : kNotFinite) {
        if (json.substr(0, word.size()) != word) continue;
        taken = word.size();
        shown = "null";
      }
      if (taken == 1 && (json[0] == '-' || absl::ascii_isdigit(json[0]))) {
        taken = std::min(json.find_first_not_of("+-.0123456789eE"), json.size());
        shown = json.substr(0, taken);
        if (Overflows(shown)) shown = "null";
      }
    }
    out.Append(shown);
    json.remove_prefix(taken);
  }
}

}  // namespace millrace
