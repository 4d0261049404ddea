#include "formats/thrift_writer.h"

namespace millrace {

void ThriftWriter::BeginList(int16_t id, Type elements, size_t size) {
  Field(id, Type::kList);
  constexpr size_t kShortList = 15;
  if (size < kShortList) {
    out_.Append(static_cast<char>(size << 4 | static_cast<uint8_t>(elements)));
  } else {
    out_.Append(static_cast<char>(0xF0 | static_cast<uint8_t>(elements)));
    Varint(size);
  }
}

void ThriftWriter::Field(int16_t id, Type type) {
  const int step = id - last_ids_.back();
  last_ids_.back() = id;
  if (step > 0 && step <= 15) {
    out_.Append(static_cast<char>(step << 4 | static_cast<uint8_t>(type)));
  } else {
    out_.Append(static_cast<char>(type));
    Zigzag(id);
  }
}

void ThriftWriter::Varint(uint64_t value) {
  char* const begin = out_.Reserve(10);
  char* to = begin;
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  out_.Commit(static_cast<size_t>(to - begin));
}

}  // namespace millrace
