// Writes Thrift's compact protocol, which Parquet uses for footers and page headers.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
#ifndef MILLRACE_FORMATS_THRIFT_WRITER_H_
#define MILLRACE_FORMATS_THRIFT_WRITER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"

namespace millrace {

// Appends one struct to a buffer, field by field in ascending order of their ids.
class ThriftWriter {
 public:
  enum class Type : uint8_t {
    kTrue = 1,
    kFalse = 2,
    kI32 = 5,
    kI64 = 6,
    kBinary = 8,
    kList = 9,
    kStruct = 12
  };

  explicit ThriftWriter(ByteBuffer& out) : out_(out), last_ids_(1, 0) {}

  void Bool(int16_t id, bool value) { Field(id, value ? Type::kTrue : Type::kFalse); }
  void I32(int16_t id, int32_t value) {
    Field(id, Type::kI32);
    Zigzag(value);
  }
  void I64(int16_t id, int64_t value) {
    Field(id, Type::kI64);
    Zigzag(value);
  }
  void Binary(int16_t id, std::string_view value) {
    Field(id, Type::kBinary);
    BinaryElement(value);
  }
  void BeginStruct(int16_t id) {
    Field(id, Type::kStruct);
    BeginElement();
  }
  void EmptyStruct(int16_t id) {
    BeginStruct(id);
    End();
  }
  // The elements follow: `size` times I32Element, BinaryElement, or BeginElement ... End.
  void BeginList(int16_t id, Type elements, size_t size);
  void I32Element(int32_t value) { Zigzag(value); }
  void BinaryElement(std::string_view value) {
    Varint(value.size());
    out_.Append(value);
  }
  void BeginElement() { last_ids_.push_back(0); }
  // Ends the innermost struct. The number of calls exceeds those of BeginStruct and BeginElement by
  // one: the last ends the outermost struct.
  void End() {
    out_.Append('\0');
    last_ids_.pop_back();
  }

 private:
  void Field(int16_t id, Type type);
  void Varint(uint64_t value);
  void Zigzag(int64_t value) {
    Varint(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
  }

  ByteBuffer& out_;
  std::vector<int16_t> last_ids_;  // of each open struct
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_THRIFT_WRITER_H_
