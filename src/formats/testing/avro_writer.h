// Avro container files for tests, in memory, with each codec.
#ifndef MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_
#define MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/avro_writer.h"

namespace millrace {

// A file of one block. `codec` is null, deflate, snappy or zstandard.
std::string AvroFile(std::string_view schema, int64_t count, std::string_view values,
                     std::string_view codec = "null");

// The header alone, and a block that is added to it.
std::string AvroHeader(std::string_view schema, std::string_view codec);
std::string AvroBlock(int64_t count, std::string_view data);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_TESTING_AVRO_WRITER_H_
