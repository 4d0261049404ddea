#include "formats/avro_value.h"

#include <cstring>
#include <limits>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

using Kind = AvroType::Kind;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxValues = 250'000;

absl::Status Damaged(std::string_view what) { return absl::DataLossError(StrCat("Avro: ", what)); }

template <typename T>
T LittleEndian(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

class Decoder {
 public:
  Decoder(const AvroSchema& schema, std::string_view& bytes) : schema_(schema), bytes_(bytes) {}

  absl::Status Decode(const AvroType& type, int depth, AvroValue& value) {
    if (depth > kMaxDepth) {
      return absl::ResourceExhaustedError("Avro: nested deeper than 64 levels");
    }
    if (++values_ > kMaxValues) {
      return absl::ResourceExhaustedError("Avro: more than 250,000 values");
    }
    value.kind = type.kind;
    value.type = &type;
    switch (type.kind) {
      case Kind::kNull:
        return absl::OkStatus();
      case Kind::kBoolean:
        return DecodeBoolean(value);
      case Kind::kInt:
      case Kind::kLong:
      case Kind::kEnum:
        return DecodeInteger(type, value);
      case Kind::kFloat:
      case Kind::kDouble:
        return DecodeReal(type.kind == Kind::kFloat, value);
      case Kind::kBytes:
      case Kind::kString:
        return DecodeBytes(value.bytes);
      case Kind::kFixed:
        return Take(type.size, value.bytes);
      case Kind::kArray:
      case Kind::kMap:
        return DecodeItems(type, depth, value);
      case Kind::kUnion:
        return DecodeUnion(type, depth, value);
      case Kind::kRecord:
        value.items.resize(type.fields.size());
        for (size_t i = 0; i < type.fields.size(); ++i) {
          RETURN_IF_ERROR(Decode(schema_.type(type.fields[i].type), depth + 1, value.items[i]));
        }
        return absl::OkStatus();
    }
    return Damaged("unknown type");
  }

 private:
  absl::Status Take(uint64_t size, std::string_view& taken) {
    if (size > bytes_.size()) return Damaged("a value is truncated");
    taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return absl::OkStatus();
  }

  absl::Status DecodeBoolean(AvroValue& value) {
    std::string_view byte;
    RETURN_IF_ERROR(Take(1, byte));
    if (byte[0] != 0 && byte[0] != 1) return Damaged("a boolean that is neither 0 nor 1");
    value.integer = byte[0];
    return absl::OkStatus();
  }

  absl::Status DecodeInteger(const AvroType& type, AvroValue& value) {
    const std::optional<int64_t> number = TakeAvroLong(bytes_);
    if (!number) return Damaged("a truncated or overlong integer");
    value.integer = *number;
    if (type.kind == Kind::kInt && (*number < std::numeric_limits<int32_t>::min() ||
                                    *number > std::numeric_limits<int32_t>::max())) {
      return Damaged("an int beyond 32 bits");
    }
    if (type.kind == Kind::kEnum && (*number < 0 || static_cast<uint64_t>(*number) >= type.size)) {
      return Damaged("an enum value that has no symbol");
    }
    return absl::OkStatus();
  }

  absl::Status DecodeReal(bool is_float, AvroValue& value) {
    std::string_view bytes;
    RETURN_IF_ERROR(Take(is_float ? sizeof(float) : sizeof(double), bytes));
    value.real =
        is_float ? static_cast<double>(LittleEndian<float>(bytes)) : LittleEndian<double>(bytes);
    return absl::OkStatus();
  }

  absl::Status DecodeBytes(std::string_view& bytes) {
    const std::optional<int64_t> size = TakeAvroLong(bytes_);
    if (!size || *size < 0) return Damaged("an invalid length");
    return Take(static_cast<uint64_t>(*size), bytes);
  }

  // Blocks of items, each with its count; a negative one is followed by the block's bytes.
  absl::Status DecodeItems(const AvroType& type, int depth, AvroValue& value) {
    for (;;) {
      std::optional<int64_t> count = TakeAvroLong(bytes_);
      if (!count) return Damaged("a truncated or overlong item count");
      if (*count == 0) return absl::OkStatus();
      if (*count < 0) {
        if (*count == std::numeric_limits<int64_t>::min()) return Damaged("an invalid item count");
        count = -*count;
        if (!TakeAvroLong(bytes_)) return Damaged("a truncated block size");
      }
      for (int64_t i = 0; i < *count; ++i) {
        if (type.kind == Kind::kMap) {
          AvroValue& key = value.items.emplace_back();
          key.kind = Kind::kString;
          RETURN_IF_ERROR(DecodeBytes(key.bytes));
        }
        RETURN_IF_ERROR(Decode(schema_.type(type.element), depth + 1, value.items.emplace_back()));
      }
    }
  }

  absl::Status DecodeUnion(const AvroType& type, int depth, AvroValue& value) {
    const std::optional<int64_t> branch = TakeAvroLong(bytes_);
    if (!branch || *branch < 0 || static_cast<uint64_t>(*branch) >= type.branches.size()) {
      return Damaged("a union branch that does not exist");
    }
    return Decode(schema_.type(type.branches[static_cast<size_t>(*branch)]), depth + 1, value);
  }

  const AvroSchema& schema_;
  std::string_view& bytes_;
  size_t values_ = 0;
};

}  // namespace

const AvroValue* AvroValue::Field(std::string_view name) const {
  if (kind != Kind::kRecord) return nullptr;
  for (size_t i = 0; i < type->fields.size(); ++i) {
    if (type->fields[i].name == name) return items[i].is_null() ? nullptr : &items[i];
  }
  return nullptr;
}

std::optional<int64_t> AvroValue::Integer(std::string_view field) const {
  const AvroValue* value = Field(field);
  if (value == nullptr || (value->kind != Kind::kInt && value->kind != Kind::kLong)) {
    return std::nullopt;
  }
  return value->integer;
}

std::optional<bool> AvroValue::Boolean(std::string_view field) const {
  const AvroValue* value = Field(field);
  if (value == nullptr || value->kind != Kind::kBoolean) return std::nullopt;
  return value->integer != 0;
}

std::optional<std::string_view> AvroValue::Bytes(std::string_view field) const {
  const AvroValue* value = Field(field);
  if (value == nullptr || (value->kind != Kind::kString && value->kind != Kind::kBytes &&
                           value->kind != Kind::kFixed)) {
    return std::nullopt;
  }
  return value->bytes;
}

absl::Status DecodeAvro(const AvroSchema& schema, std::string_view& bytes, AvroValue& value) {
  value = AvroValue();
  return Decoder(schema, bytes).Decode(schema.root(), 0, value);
}

std::optional<int64_t> TakeAvroLong(std::string_view& bytes) {
  uint64_t raw = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return std::nullopt;
    raw |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
    }
  }
  return std::nullopt;
}

}  // namespace millrace
