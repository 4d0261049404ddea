// The schema of an Avro file (Avro specification 1.11, "Schema Declaration"), as a table of types.
#ifndef MILLRACE_FORMATS_AVRO_SCHEMA_H_
#define MILLRACE_FORMATS_AVRO_SCHEMA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace {

struct AvroType {
  enum class Kind : uint8_t {
    kNull,
    kBoolean,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kBytes,
    kString,
    kFixed,
    kEnum,
    kArray,
    kMap,
    kUnion,
    kRecord,
  };
  struct Field {
    std::string name;
    uint32_t type = 0;
  };

  Kind kind = Kind::kNull;
  uint32_t element = 0;            // kArray, kMap: the type of an item
  uint64_t size = 0;               // kFixed: bytes; kEnum: symbols
  std::vector<uint32_t> branches;  // kUnion
  std::vector<Field> fields;       // kRecord
};

class AvroSchema {
 public:
  // InvalidArgument, saying what is wrong. Nesting deeper than 64 levels and more than 10,000 types
  // are rejected; a record may still contain itself by name, so values can nest without limit.
  static absl::StatusOr<AvroSchema> Parse(std::string_view json);

  const AvroType& type(uint32_t index) const { return types_[index]; }
  const AvroType& root() const { return types_[root_]; }

 private:
  friend class AvroSchemaParser;
  std::vector<AvroType> types_;
  uint32_t root_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_SCHEMA_H_
