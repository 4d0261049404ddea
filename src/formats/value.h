// One cell of a source row, for all formats: a small view, valid while the row is visited.
#ifndef MILLRACE_FORMATS_VALUE_H_
#define MILLRACE_FORMATS_VALUE_H_

#include <cstdint>
#include <string_view>

#include "base/byte_buffer.h"

namespace millrace {

struct Value {
  enum class Kind : uint8_t {
    kNull,       // also NaN and infinities, and an absent cell; text: see NullWord()
    kBool,       // integer: 0 or 1
    kInt,        // integer; text: its digits if they are known, else empty
    kUint,       // integer, reinterpreted as uint64_t: only values above INT64_MAX
    kDouble,     // real; finite
    kFloat,      // real, written with the shortest digits of a float
    kTimestamp,  // integer: `unit` ticks since 1970-01-01T00:00:00 (UTC if `zoned`, else of the
                 // zone the config names)
    kText,       // text: UTF-8, not escaped
    kJsonText,   // text: the inside of a JSON string (between its quotes), escapes unchanged
    kNumber,     // text: a JSON number or decimal whose digits are kept unchanged
    kJson,       // text: any other JSON value, valid and compact enough to be copied
    kBytes,      // text: raw bytes, written as base64
  };
  enum class Unit : uint8_t { kSecond, kMilli, kMicro, kNano };

  Kind kind = Kind::kNull;
  Unit unit = Unit::kSecond;
  bool zoned = true;
  union {
    int64_t integer = 0;
    double real;
  };
  std::string_view text;

  bool is_null() const { return kind == Kind::kNull; }

  static Value Null() { return {}; }
  // Null because the cell is `word`; empty: no word.
  static Value NullWord(std::string_view word) { return Text(Kind::kNull, word); }
  static Value Bool(bool b) { return Integer(Kind::kBool, b); }
  static Value Int(int64_t i) { return Integer(Kind::kInt, i); }
  static Value Uint(uint64_t u) {
    return u > INT64_MAX ? Integer(Kind::kUint, static_cast<int64_t>(u))
                         : Int(static_cast<int64_t>(u));
  }
  // Null for NaN and infinities.
  static Value Double(double d);
  static Value Float(float f);
  static Value Timestamp(int64_t ticks, Unit unit, bool zoned) {
    Value value = Integer(Kind::kTimestamp, ticks);
    value.unit = unit;
    value.zoned = zoned;
    return value;
  }
  static Value Text(Kind kind, std::string_view text) {
    Value value;
    value.kind = kind;
    value.text = text;
    return value;
  }

 private:
  static Value Integer(Kind kind, int64_t i) {
    Value value;
    value.kind = kind;
    value.integer = i;
    return value;
  }
};

// Appends `value` as JSON. Timestamps become ISO 8601 text ("2024-04-24T01:13:01.500Z"; without Z
// if not zoned) with the fewest of 0, 3, 6 or 9 fractional digits that lose nothing; bytes become
// base64 text.
void AppendJsonValue(ByteBuffer& out, const Value& value);

// Appends the plain text of `value` to `out`: unescaped text, digits, true/false, JSON, base64.
void AppendPlainText(ByteBuffer& out, const Value& value);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_VALUE_H_
