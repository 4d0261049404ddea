// The bytes of a segment of a record log (docs/formats/spool.md); integers are little-endian.
//
//   segment = header *frame [seal]
//   header  = "MRSPOOL1" spool_id sequence check note      16 + 8 + 4 bytes; 64 with the note
//   note    = seal_at check | zeros                        8 + 4 bytes, then 16 zeros
//   frame   = size check type count time records           4 + 4 + 4 + 4 + 8 + `size` bytes
//   seal    = a frame of the type 255: counts of events, users and groups, 8 bytes each
//
// 256 is added to the type of a frame whose records are mapped already (Frame::is_mapped).
//
// The note is written after the seal, so that the seal is found without reading all frames. A
// check is the CRC32C of the other bytes, xored with a salt that the sequence number of the
// segment decides: a file is used again for another segment, and frames of the earlier one are then
// wrong.
#ifndef MILLRACE_RECORD_LOG_FRAME_H_
#define MILLRACE_RECORD_LOG_FRAME_H_

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/record_type.h"

namespace millrace {

inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kFrameHeaderBytes = 24;
inline constexpr size_t kMaxFrameBytes = 64 << 20;  // of records

// Records of one type that arrived together: they are all in the log, or none is.
struct Frame {
  RecordType type = RecordType::kEvent;
  uint32_t count = 0;        // of records
  int64_t unix_micros = 0;   // of the arrival
  std::string_view records;  // lines of JSON; each ends with '\n'
  // The records are events as mapping would write them for every destination, so that a delivery
  // may copy them (docs/adr/0051-usual-events-are-mapped-when-they-arrive.md).
  bool is_mapped = false;
};

struct SegmentHeader {
  std::string spool_id;  // 16 bytes
  uint64_t sequence = 0;
};
std::string EncodeHeader(const SegmentHeader& header);
// Nullopt if `bytes` is no header.
std::optional<SegmentHeader> DecodeHeader(std::string_view bytes);

// What is written at kNoteAt once a segment is sealed.
inline constexpr size_t kNoteAt = 36;
std::string EncodeNote(uint64_t sequence, uint64_t seal_at);
// Nullopt if the segment with this header is not noted to be sealed.
std::optional<uint64_t> DecodeNote(uint64_t sequence, std::string_view header);

// Appends a frame whose check is still without a salt.
void AppendFrame(const Frame& frame, ByteBuffer& out);
// Adds the salt to the checks of whole frames.
void SaltFrames(uint64_t sequence, char* frames, size_t size);

// Of records in a segment.
using RecordCounts = std::array<uint64_t, std::size(kAllRecordTypes)>;
inline constexpr size_t kSealBytes = kFrameHeaderBytes + sizeof(RecordCounts);
// A seal, with its salt.
std::string EncodeSeal(uint64_t sequence, const RecordCounts& counts);
// `bytes`: kSealBytes of a seal.
RecordCounts DecodeSeal(std::string_view bytes);

// What is at a place of a segment.
struct FrameHead {
  enum class Kind {
    kFrame,
    kSeal,
    kNone,  // nothing, or a frame of which not all was written
  };
  Kind kind = Kind::kNone;
  uint32_t size = 0;  // of the records, or of the counts
  uint32_t check = 0;
  RecordType type = RecordType::kEvent;
  uint32_t count = 0;
  int64_t unix_micros = 0;
  bool is_mapped = false;
  size_t bytes() const { return kFrameHeaderBytes + size; }
};
// The head of a frame, of which the check is not verified yet. `bytes`: kFrameHeaderBytes.
FrameHead DecodeFrameHead(std::string_view bytes);
// Whether the check of a frame, or of a seal, is right. `bytes`: all of it.
bool IsFrameWhole(uint64_t sequence, std::string_view bytes);
// Whether it is right in an earlier segment than `sequence`, which had the same file.
bool IsFrameOfEarlier(uint64_t sequence, std::string_view bytes);

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_FRAME_H_
