// One decoded Avro value. Records keep their field names in the schema.
#ifndef MILLRACE_FORMATS_AVRO_VALUE_H_
#define MILLRACE_FORMATS_AVRO_VALUE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "formats/avro_schema.h"

namespace millrace {

struct AvroValue {
  AvroType::Kind kind = AvroType::Kind::kNull;  // never kUnion: this is the branch's kind
  const AvroType* type = nullptr;
  int64_t integer = 0;     // kBoolean, kInt, kLong, kEnum (its index)
  double real = 0;         // kFloat, kDouble
  std::string_view bytes;  // kBytes, kString, kFixed: a view of the block
  std::vector<AvroValue>
      items;  // kRecord: one per field; kArray; kMap: key, value, key, value, ...

  bool is_null() const { return kind == AvroType::Kind::kNull; }
  // The field of a record; null if this is not a record, has no such field, or the field is null.
  const AvroValue* Field(std::string_view name) const;
  // The value of a field, if it is present and of that kind.
  std::optional<int64_t> Integer(std::string_view field) const;
  std::optional<bool> Boolean(std::string_view field) const;
  std::optional<std::string_view> Bytes(std::string_view field) const;
};

// Decodes one value of the schema's root type at the front of `bytes` and removes it from there.
// DataLoss if the bytes do not match the schema, ResourceExhausted above 64 levels or 250,000
// values, which bounds the cost of any input. Views in `value` refer to `bytes`.
absl::Status DecodeAvro(const AvroSchema& schema, std::string_view& bytes, AvroValue& value);

// Reads and removes a variable-length zig-zag integer at the front of `bytes`. Nullopt if it is
// truncated or too long.
std::optional<int64_t> TakeAvroLong(std::string_view& bytes);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_VALUE_H_
