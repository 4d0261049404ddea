#include "record_log/frame.h"

#include <isa-l/crc.h>

#include <cstring>
#include <iterator>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr std::string_view kMagic = "MRSPOOL1";
constexpr size_t kIdBytes = 16;
constexpr size_t kHeaderCheckAt = kMagic.size() + kIdBytes + sizeof(uint64_t);
constexpr size_t kCheckAt = sizeof(uint32_t);  // in a frame
constexpr uint32_t kSealType = 255;
constexpr uint32_t kMappedBit = 256;  // of the type

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

template <typename T>
void Store(char* bytes, T value) {
  std::memcpy(bytes, &value, sizeof(value));
}

uint32_t Crc(std::string_view bytes, uint32_t before = 0) {
  auto* const data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return crc32_iscsi(data, static_cast<int>(bytes.size()), before);
}

// Another one for each sequence number below 2^32.
uint32_t SaltOf(uint64_t sequence) { return static_cast<uint32_t>(sequence) * 0x9e3779b1u; }
// SaltOf(SequenceOf(salt)) == salt.
uint32_t SequenceOf(uint32_t salt) { return salt * 0x0e8b2f51u; }

// Of all of a frame but its check.
uint32_t FrameCrc(std::string_view frame) {
  const uint32_t size = Crc(frame.substr(0, kCheckAt));
  return Crc(frame.substr(kCheckAt + sizeof(uint32_t)), size);
}

void EncodeFrameHead(uint32_t size, uint32_t type, uint32_t count, int64_t micros, char* to) {
  Store<uint32_t>(to, size);
  Store<uint32_t>(to + 8, type);
  Store<uint32_t>(to + 12, count);
  Store<int64_t>(to + 16, micros);
}

}  // namespace

std::string EncodeHeader(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  std::memcpy(bytes.data() + kMagic.size(), header.spool_id.data(), kIdBytes);
  Store(bytes.data() + kMagic.size() + kIdBytes, header.sequence);
  Store(bytes.data() + kHeaderCheckAt,
        Crc(std::string_view(bytes).substr(0, kHeaderCheckAt)) ^ SaltOf(header.sequence));
  return bytes;
}

std::optional<SegmentHeader> DecodeHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  SegmentHeader header{.spool_id = std::string(bytes.substr(kMagic.size(), kIdBytes))};
  header.sequence = Load<uint64_t>(bytes.data() + kMagic.size() + kIdBytes);
  const uint32_t check = Crc(bytes.substr(0, kHeaderCheckAt)) ^ SaltOf(header.sequence);
  if (check != Load<uint32_t>(bytes.data() + kHeaderCheckAt)) return std::nullopt;
  return header;
}

std::string EncodeNote(uint64_t sequence, uint64_t seal_at) {
  std::string bytes(sizeof(seal_at) + sizeof(uint32_t), '\0');
  Store(bytes.data(), seal_at);
  Store(bytes.data() + sizeof(seal_at),
        Crc(std::string_view(bytes).substr(0, sizeof(seal_at))) ^ SaltOf(sequence));
  return bytes;
}

std::optional<uint64_t> DecodeNote(uint64_t sequence, std::string_view header) {
  const auto seal_at = Load<uint64_t>(header.data() + kNoteAt);
  if (seal_at < kSegmentHeaderBytes) return std::nullopt;
  const std::string expected = EncodeNote(sequence, seal_at);
  return header.substr(kNoteAt, expected.size()) == expected ? std::optional(seal_at)
                                                             : std::nullopt;
}

void AppendFrame(const Frame& frame, ByteBuffer& out) {
  const size_t at = out.size();
  char head[kFrameHeaderBytes] = {};
  const uint32_t type = static_cast<uint32_t>(frame.type) | (frame.is_mapped ? kMappedBit : 0);
  EncodeFrameHead(static_cast<uint32_t>(frame.records.size()), type, frame.count, frame.unix_micros,
                  head);
  out.Append({head, sizeof(head)});
  out.Append(frame.records);
  Store(out.data() + at + kCheckAt, FrameCrc(out.view(at, out.size())));
}

void SaltFrames(uint64_t sequence, char* frames, size_t size) {
  const uint32_t salt = SaltOf(sequence);
  for (size_t at = 0; at < size;) {
    Store(frames + at + kCheckAt, Load<uint32_t>(frames + at + kCheckAt) ^ salt);
    at += kFrameHeaderBytes + Load<uint32_t>(frames + at);
  }
}

std::string EncodeSeal(uint64_t sequence, const RecordCounts& counts) {
  std::string bytes(kSealBytes, '\0');
  EncodeFrameHead(sizeof(counts), kSealType, 0, 0, bytes.data());
  std::memcpy(bytes.data() + kFrameHeaderBytes, counts.data(), sizeof(counts));
  Store(bytes.data() + kCheckAt, FrameCrc(bytes) ^ SaltOf(sequence));
  return bytes;
}

RecordCounts DecodeSeal(std::string_view bytes) {
  RecordCounts counts;
  std::memcpy(counts.data(), bytes.data() + kFrameHeaderBytes, sizeof(counts));
  return counts;
}

FrameHead DecodeFrameHead(std::string_view bytes) {
  FrameHead head;
  head.size = Load<uint32_t>(bytes.data());
  head.check = Load<uint32_t>(bytes.data() + kCheckAt);
  const auto type_and_bit = Load<uint32_t>(bytes.data() + 8);
  const uint32_t type = type_and_bit & ~kMappedBit;
  head.count = Load<uint32_t>(bytes.data() + 12);
  head.unix_micros = Load<int64_t>(bytes.data() + 16);
  if (type_and_bit == kSealType && head.size == sizeof(RecordCounts)) {
    head.kind = FrameHead::Kind::kSeal;
  } else if (type < std::size(kAllRecordTypes) && head.size > 0 && head.size <= kMaxFrameBytes &&
             head.count > 0) {
    head.kind = FrameHead::Kind::kFrame;
    head.type = static_cast<RecordType>(type);
    head.is_mapped = type != type_and_bit;
  }
  return head;
}

bool IsFrameOfEarlier(uint64_t sequence, std::string_view bytes) {
  const uint32_t other = SequenceOf(FrameCrc(bytes) ^ Load<uint32_t>(bytes.data() + kCheckAt));
  return other > 0 && other < static_cast<uint32_t>(sequence);
}

bool IsFrameWhole(uint64_t sequence, std::string_view bytes) {
  return (FrameCrc(bytes) ^ SaltOf(sequence)) == Load<uint32_t>(bytes.data() + kCheckAt);
}

}  // namespace millrace
