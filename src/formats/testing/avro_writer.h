// Avro container files for tests, in memory.
#ifndef MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_
#define MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// Encodes values, field after field; each returns the writer, so that calls can be chained.
class AvroBytes {
 public:
  AvroBytes& Long(int64_t value);  // also an int, an enum, a union's branch, a count of items
  AvroBytes& Bytes(std::string_view bytes);  // also a string
  AvroBytes& Boolean(bool value);
  AvroBytes& Double(double value);
  AvroBytes& Raw(std::string_view bytes);
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

// A file of one block. `codec` is null, deflate, snappy or zstandard.
std::string AvroFile(std::string_view schema, int64_t count, std::string_view values,
                     std::string_view codec = "null");

// The header alone, and a block that is added to it.
std::string AvroHeader(std::string_view schema, std::string_view codec);
std::string AvroBlock(int64_t count, std::string_view data);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_
