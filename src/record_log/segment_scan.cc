#include "record_log/segment_scan.h"

#include <string>

#include "base/byte_buffer.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<RecordCounts> ReadSeal(LogFile& file, uint64_t sequence, uint64_t seal_at) {
  std::string bytes(kSealBytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, file.Read(seal_at, absl::MakeSpan(bytes)));
  if (read < kSealBytes || DecodeFrameHead(bytes).kind != FrameHead::Kind::kSeal ||
      !IsFrameWhole(sequence, bytes)) {
    return absl::DataLossError("the segment has no seal where it says");
  }
  return DecodeSeal(bytes);
}

absl::StatusOr<SegmentScan> ScanSegment(LogFile& file, uint64_t sequence) {
  SegmentScan scan;
  ByteBuffer frame;
  const uint64_t size = file.size();
  const auto read = [&](size_t bytes) -> absl::StatusOr<bool> {
    if (bytes > size - scan.end) return false;
    frame.clear();
    char* const to = frame.Reserve(bytes);
    ASSIGN_OR_RETURN(const size_t got, file.Read(scan.end, absl::MakeSpan(to, bytes)));
    frame.Commit(got);
    return got == bytes;
  };
  for (;;) {
    ASSIGN_OR_RETURN(const bool has_head, read(kFrameHeaderBytes));
    if (!has_head) return scan;
    const FrameHead head = DecodeFrameHead(frame.view());
    if (head.kind != FrameHead::Kind::kFrame) return scan;
    ASSIGN_OR_RETURN(const bool has_all, read(head.bytes()));
    if (!has_all || !IsFrameWhole(sequence, frame.view())) return scan;
    scan.end += head.bytes();
    scan.counts[static_cast<size_t>(head.type)] += head.count;
  }
}

}  // namespace millrace
