// Avro object container files (Avro specification 1.11, "Object Container Files"), read front to
// back with bounded memory.
//
//   file   = "Obj" 1, metadata, sync, block*        metadata: map of bytes, "avro.schema" in it
//   block  = count, size, data, sync                data: `count` values, compressed as one
#ifndef MILLRACE_FORMATS_AVRO_FILE_H_
#define MILLRACE_FORMATS_AVRO_FILE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "formats/avro_value.h"
#include "io/input_stream.h"

namespace millrace {

inline constexpr size_t kMaxAvroHeaderBytes = 4 << 20;
inline constexpr size_t kMaxAvroBlockBytes = 128 << 20;  // compressed, and decompressed

// Receives the values of the root type, in order. `metadata` is that of the header. A status that
// is not ok stops the reading. Views are valid during the call.
using AvroVisitor = std::function<absl::Status(const AvroValue& value,
                                               const std::map<std::string, std::string>& metadata)>;

// Reads all values. Codecs: null, deflate, snappy, zstandard. DataLoss for truncated or damaged
// files, InvalidArgument if the file is not Avro or its codec is unknown, ResourceExhausted above
// the limits; messages do not name the file. Sync markers and snappy's checksums are checked.
absl::Status ReadAvroFile(InputStream& stream, const AvroVisitor& visitor);

}  // namespace millrace

#endif  // MILLRACE_FORMATS_AVRO_FILE_H_
