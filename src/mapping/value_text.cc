#include "mapping/value_text.h"

#include <cmath>

#include "base/json_writer.h"
#include "base/strings.h"
#include "formats/byte_scan.h"

namespace millrace {
namespace {

constexpr double kExactDoubles = 9007199254740992.0;  // 2^53
constexpr size_t kMaxQuoted = 80;

bool IsWhole(double d) { return std::abs(d) < kExactDoubles && d == std::trunc(d); }

}  // namespace

std::string_view PlainText(const Value& value, ByteBuffer& scratch) {
  switch (value.kind) {
    case Value::Kind::kText:
    case Value::Kind::kNumber:
    case Value::Kind::kJson:
      return value.text;
    case Value::Kind::kJsonText:
      if (!Contains(value.text, '\\')) return value.text;
      break;
    default:
      break;
  }
  scratch.clear();
  const bool real = value.kind == Value::Kind::kDouble || value.kind == Value::Kind::kFloat;
  if (real && IsWhole(value.real)) {
    AppendJsonInt(scratch, static_cast<int64_t>(value.real));
  } else {
    AppendPlainText(scratch, value);
  }
  return scratch.view();
}

std::string QuoteValue(const Value& value) {
  ByteBuffer json;
  AppendJsonValue(json, value);
  return Shorten(json.view(), kMaxQuoted);
}

}  // namespace millrace
