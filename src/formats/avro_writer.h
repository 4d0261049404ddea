// Writes Avro object container files (Avro specification 1.11, "Object Container Files").
#ifndef MILLRACE_FORMATS_AVRO_WRITER_H_
#define MILLRACE_FORMATS_AVRO_WRITER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// Encodes values, field after field; each call returns the writer, so that calls can be chained.
class AvroBytes {
 public:
  AvroBytes& Long(int64_t value);  // also an int, an enum, a union's branch, a count of items
  AvroBytes& Bytes(std::string_view bytes);  // also a string
  AvroBytes& Boolean(bool value);
  AvroBytes& Double(double value);
  // Of unions of null and a type.
  AvroBytes& Null() { return Long(0); }
  AvroBytes& OptionalLong(std::optional<int64_t> value);
  AvroBytes& OptionalBytes(const std::optional<std::string>& value);
  AvroBytes& Raw(std::string_view bytes);
  const std::string& str() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

// A file in memory. The same values make the same file.
class AvroFileWriter {
 public:
  // `schema` is that of each value; `metadata` has the other entries of the header. Blocks are
  // compressed with deflate, which every reader knows.
  AvroFileWriter(std::string_view schema, const std::map<std::string, std::string>& metadata);

  void Add(std::string_view value);
  // The whole file. No value is added afterwards.
  std::string Finish();

 private:
  void EndBlock();

  std::string sync_;
  std::string file_;
  std::string block_;
  int64_t values_ = 0;  // in the block
};

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_WRITER_H_
