#include "formats/testing/avro_writer.h"

#include <zlib.h>

#include <memory>

#include "arrow/util/compression.h"

namespace millrace {
namespace {

constexpr std::string_view kSync = "0123456789abcdef";

std::string Compressed(arrow::util::Codec& codec, std::string_view data) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(data.data());
  const auto size = static_cast<int64_t>(data.size());
  std::string out(static_cast<size_t>(codec.MaxCompressedLen(size, bytes)), '\0');
  out.resize(static_cast<size_t>(codec
                                     .Compress(size, bytes, static_cast<int64_t>(out.size()),
                                               reinterpret_cast<uint8_t*>(out.data()))
                                     .ValueOrDie()));
  return out;
}

std::string Encode(std::string_view data, std::string_view codec) {
  using arrow::util::Codec;
  if (codec == "zstandard") {
    return Compressed(*Codec::Create(arrow::Compression::ZSTD).ValueOrDie(), data);
  }
  if (codec == "deflate") {
    arrow::util::GZipCodecOptions raw;
    raw.gzip_format = arrow::util::GZipFormat::DEFLATE;
    return Compressed(*Codec::Create(arrow::Compression::GZIP, raw).ValueOrDie(), data);
  }
  if (codec != "snappy") return std::string(data);
  std::string out = Compressed(*Codec::Create(arrow::Compression::SNAPPY).ValueOrDie(), data);
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size());
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(crc >> shift & 255);
  return out;
}

}  // namespace

std::string AvroHeader(std::string_view schema, std::string_view codec) {
  AvroBytes header;
  header.Raw({"Obj\1", 4}).Long(2).Bytes("avro.schema").Bytes(schema);
  header.Bytes("avro.codec").Bytes(codec).Long(0).Raw(kSync);
  return header.str();
}

std::string AvroBlock(int64_t count, std::string_view data) {
  return AvroBytes().Long(count).Bytes(data).Raw(kSync).str();
}

std::string AvroFile(std::string_view schema, int64_t count, std::string_view values,
                     std::string_view codec) {
  return AvroHeader(schema, codec) + AvroBlock(count, Encode(values, codec));
}

}  // namespace millrace
