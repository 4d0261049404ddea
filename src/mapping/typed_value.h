// The type rules of sources.json: converts a cell to the JSON that is sent.
#ifndef MILLRACE_MAPPING_TYPED_VALUE_H_
#define MILLRACE_MAPPING_TYPED_VALUE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/byte_buffer.h"
#include "formats/json_value.h"
#include "formats/value.h"
#include "mapping/sources_config.h"

namespace millrace {

enum class TypedResult {
  kWritten,
  kNull,     // the cell is null, or blank text where a number, boolean or time is expected
  kInvalid,  // the cell does not have the type
};

// Writes cells as one type or another:
//   kNone, kString, kStringOrUuid  see docs/sources-json.md
//   kInteger            64-bit integers, also as text; booleans as 0 and 1
//   kFloat              numbers, also as text; digits are kept unchanged
//   kBoolean            true 1 t y yes, false 0 f n no, in any case
//   kUnixTimestampAuto  milliseconds, by ToUnixMillis
//   kJson               the value of JSON text; values of other kinds unchanged
// One thread at a time.
class ValueTyper {
 public:
  // `zone` is the zone of times without one.
  explicit ValueTyper(absl::TimeZone zone) : zone_(zone) {}

  // Appends `value` as `type` to `out`; nothing is appended unless the result is kWritten.
  // `time_format` is for times.
  TypedResult Append(ByteBuffer& out, const Value& value, FieldType type,
                     CompactTime time_format = CompactTime::kNone);

  // The same for a profile's $time, which Mixpanel reads: as AppendSentTime() writes it.
  TypedResult AppendProfileTime(ByteBuffer& out, const Value& value,
                                CompactTime time_format = CompactTime::kNone);

  // Converts `value`, of a cell that is mapped to an id as `type`, to the value of the id: as
  // kInteger or kFloat, text becomes a number, and text that is not a number is kInvalid; other
  // types change nothing. `value` then is a view of this object's memory, until the next call.
  TypedResult TypeId(Value& value, FieldType type) {
    const bool keeps = type != FieldType::kInteger && type != FieldType::kFloat;
    return keeps ? TypedResult::kWritten : TypeNumericId(value, type);
  }

  // After kInvalid: what is wrong, with the value quoted.
  const std::string& problem() const { return problem_; }

 private:
  TypedResult TypeNumericId(Value& value, FieldType type);
  TypedResult AppendText(ByteBuffer& out, const Value& value);
  TypedResult AppendInteger(ByteBuffer& out, const Value& value);
  TypedResult AppendFloat(ByteBuffer& out, const Value& value);
  TypedResult AppendBoolean(ByteBuffer& out, const Value& value);
  TypedResult AppendTime(ByteBuffer& out, const Value& value, CompactTime format);
  TypedResult AppendJson(ByteBuffer& out, const Value& value);
  TypedResult ReadTime(const Value& value, CompactTime format, int64_t& unix_millis);
  TypedResult Invalid(const Value& value, std::string_view what);

  const absl::TimeZone zone_;
  ByteBuffer scratch_;
  ByteBuffer id_;
  std::unique_ptr<JsonValueParser> json_;  // created when needed
  std::string problem_;
};

// Appends the text of `value` (see PlainText) as a JSON string.
void AppendAsJsonText(ByteBuffer& out, const Value& value, ByteBuffer& scratch);

// True if `text` is a number in JSON's grammar.
bool IsJsonNumber(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_MAPPING_TYPED_VALUE_H_
