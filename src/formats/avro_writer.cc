#include "formats/avro_writer.h"

#include <zlib.h>

#include <stdexcept>

#include "base/hash.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

// Without a header and a checksum, as Avro has it.
std::string Deflated(std::string_view plain) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::logic_error("deflate failed");
  return out;
}

// 16 bytes that values do not contain by chance.
std::string SyncOf(std::string_view header) {
  const Hash128 hash = HashBytes(header);
  std::string sync(reinterpret_cast<const char*>(&hash.high), sizeof(hash.high));
  return sync.append(reinterpret_cast<const char*>(&hash.low), sizeof(hash.low));
}

}  // namespace

AvroBytes& AvroBytes::Long(int64_t value) {
  uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; zigzag > 127; zigzag >>= 7) bytes_ += static_cast<char>((zigzag & 127) | 128);
  bytes_ += static_cast<char>(zigzag);
  return *this;
}

AvroBytes& AvroBytes::Bytes(std::string_view bytes) {
  return Long(static_cast<int64_t>(bytes.size())).Raw(bytes);
}

AvroBytes& AvroBytes::Boolean(bool value) {
  bytes_ += static_cast<char>(value);
  return *this;
}

AvroBytes& AvroBytes::Double(double value) {
  return Raw({reinterpret_cast<const char*>(&value), sizeof value});
}

AvroBytes& AvroBytes::OptionalLong(std::optional<int64_t> value) {
  return value ? Long(1).Long(*value) : Null();
}

AvroBytes& AvroBytes::OptionalBytes(const std::optional<std::string>& value) {
  return value ? Long(1).Bytes(*value) : Null();
}

AvroBytes& AvroBytes::Raw(std::string_view bytes) {
  bytes_ += bytes;
  return *this;
}

AvroFileWriter::AvroFileWriter(std::string_view schema,
                               const std::map<std::string, std::string>& metadata) {
  AvroBytes header;
  header.Raw({"Obj\1", 4}).Long(static_cast<int64_t>(metadata.size()) + 2);
  header.Bytes("avro.schema").Bytes(schema).Bytes("avro.codec").Bytes("deflate");
  for (const auto& [name, value] : metadata) header.Bytes(name).Bytes(value);
  header.Long(0);
  sync_ = SyncOf(header.str());
  file_ = header.str() + sync_;
}

void AvroFileWriter::Add(std::string_view value) {
  block_ += value;
  ++values_;
  if (block_.size() >= kBlockBytes) EndBlock();
}

void AvroFileWriter::EndBlock() {
  if (values_ == 0) return;
  file_ += AvroBytes().Long(values_).Bytes(Deflated(block_)).Raw(sync_).str();
  block_.clear();
  values_ = 0;
}

std::string AvroFileWriter::Finish() {
  EndBlock();
  return std::move(file_);
}

}  // namespace millrace
