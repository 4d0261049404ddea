#include "formats/json_scanner.h"

#include <charconv>

#include "formats/json_text.h"
#include "formats/row_reader.h"

namespace millrace {
namespace {

constexpr std::string_view kNotFinite[] = {"-Infinity", "Infinity", "NaN"};

}  // namespace

// Takes the rest of a scalar that ends at `end`: only space may come before the next token.
bool JsonScanner::EndScalar(size_t end) {
  const size_t next = next_[1];
  for (size_t at = end; at < next; ++at) {
    if (!IsSpace(text_[at])) return Fail("unexpected text after a value", at);
  }
  ++next_;
  return true;
}

// Checks the whole grammar of numbers. Integers of 64 bits become such; others keep their digits.
bool JsonScanner::TakeLongNumber(Value* value) {
  const size_t begin = *next_;
  size_t at = begin;
  if (text_[at] == '-') ++at;
  if (text_[at] == '0' && IsDigit(text_[at + 1])) {
    return Fail("a number must not begin with 0", begin);
  }
  while (IsDigit(text_[at])) ++at;
  bool integer = true;
  if (text_[at] == '.') {
    integer = false;
    if (!IsDigit(text_[++at])) return Fail("expected a digit after '.'", at);
    while (IsDigit(text_[at])) ++at;
  }
  if (text_[at] == 'e' || text_[at] == 'E') {
    integer = false;
    ++at;
    if (text_[at] == '+' || text_[at] == '-') ++at;
    if (!IsDigit(text_[at])) return Fail("expected a digit in the exponent", at);
    while (IsDigit(text_[at])) ++at;
  }
  if (!EndScalar(at)) return false;
  const std::string_view digits(text_ + begin, at - begin);
  *value = Value::Text(Value::Kind::kNumber, digits);
  if (!integer || digits == "-0") return true;
  int64_t number = 0;
  if (std::from_chars(digits.begin(), digits.end(), number).ec == std::errc()) {
    *value = Value::Int(number);
    return true;
  }
  uint64_t large = 0;
  if (digits[0] != '-' && std::from_chars(digits.begin(), digits.end(), large).ec == std::errc()) {
    *value = Value::Uint(large);
  }
  return true;
}

bool JsonScanner::TakeWord(Value* value) {
  const size_t begin = *next_;
  const std::string_view text(text_ + begin, static_cast<size_t>(end_ - text_) - begin);
  const auto is = [text](std::string_view word) { return text.substr(0, word.size()) == word; };
  if (is("null")) {
    *value = Value::Null();
    return EndScalar(begin + 4);
  }
  if (is("true")) {
    *value = Value::Bool(true);
    return EndScalar(begin + 4);
  }
  if (is("false")) {
    *value = Value::Bool(false);
    return EndScalar(begin + 5);
  }
  for (const std::string_view word : kNotFinite) {
    if (is(word)) {
      *value = Value::Null();
      return EndScalar(begin + word.size());
    }
  }
  return Fail("expected a value", begin);
}

bool JsonScanner::TakeEscapes(std::string_view inside) {
  const size_t bad = FindBadEscape(inside);
  const size_t begin = static_cast<size_t>(inside.data() - text_);
  if (bad != std::string_view::npos) return Fail("unknown escape in a string", begin + bad);
  ReplaceLoneSurrogates(text_ + begin, inside.size());
  return true;
}

bool JsonScanner::SkipScalar(bool* rewrite) {
  if (token() == '"') {
    std::string_view inside;
    return TakeString(&inside);
  }
  Value value;
  bool ignored = false;
  const char c = token();
  if (!TakeValue(kMostJsonDepth, &value, &ignored)) return false;
  if (value.is_null() && c != 'n') *rewrite = true;
  return true;
}

// A loop instead of recursion: the kinds of the open containers are bits (1: object).
bool JsonScanner::SkipContainer(int depth, bool* rewrite) {
  static_assert(kMostJsonDepth <= 64);
  uint64_t kinds = 0;
  const int outer = depth;
  bool expects_value = true;  // else: a comma or the end of a container
  do {
    const char c = token();
    const size_t position = *next_;
    if (expects_value) {
      if (c == '{' || c == '[') {
        if (depth == kMostJsonDepth) return Fail("nested more than 64 levels deep", position);
        ++depth;
        kinds = kinds << 1 | (c == '{' ? 1 : 0);
        ++next_;
        expects_value = token() != (c == '{' ? '}' : ']');
      } else {
        if (!SkipScalar(rewrite)) return false;
        expects_value = false;
      }
      if (!expects_value) continue;
    } else {
      ++next_;
      const bool in_object = (kinds & 1) != 0;
      if (c == (in_object ? '}' : ']')) {
        container_end_ = position + 1;
        --depth;
        kinds >>= 1;
        continue;
      }
      if (c != ',') {
        return Fail(
            in_object ? "expected ',' or '}' in an object" : "expected ',' or ']' in a list",
            position);
      }
      expects_value = true;
    }
    if ((kinds & 1) != 0) {
      std::string_view key;
      if (token() != '"') return Fail("expected a key in quotes", *next_);
      if (!TakeString(&key)) return false;
      if (!Take(':')) return Fail("expected ':' after a key", *next_);
    }
  } while (depth > outer);
  return true;
}

void AppendCompactJson(ByteBuffer& out, std::string_view json) {
  while (!json.empty()) {
    size_t copied = 1;
    if (json[0] == '"') {
      while (json[copied] != '"') copied += json[copied] == '\\' ? 2 : 1;
      ++copied;
    } else if (json[0] == '\n' || json[0] == '\r') {
      json.remove_prefix(1);
      continue;
    } else {
      bool replaced = false;
      for (const std::string_view word : kNotFinite) {
        if (json.substr(0, word.size()) != word) continue;
        out.Append("null");
        json.remove_prefix(word.size());
        replaced = true;
        break;
      }
      if (replaced) continue;
    }
    out.Append(json.substr(0, copied));
    json.remove_prefix(copied);
  }
}

}  // namespace millrace
