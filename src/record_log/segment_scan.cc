#include "record_log/segment_scan.h"

#include <optional>
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
  ByteBuffer frame;
  const uint64_t size = file.size();
  const auto read = [&](uint64_t at, size_t bytes) -> absl::StatusOr<bool> {
    if (at > size || bytes > size - at) return false;
    frame.clear();
    char* const to = frame.Reserve(bytes);
    ASSIGN_OR_RETURN(const size_t got, file.Read(at, absl::MakeSpan(to, bytes)));
    frame.Commit(got);
    return got == bytes;
  };
  // The head of a frame whose size is credible, and whether that frame is whole.
  struct Found {
    std::optional<FrameHead> head;
    bool is_whole = false;
  };
  const auto find = [&](uint64_t at) -> absl::StatusOr<Found> {
    ASSIGN_OR_RETURN(const bool has_head, read(at, kFrameHeaderBytes));
    if (!has_head) return Found{};
    const FrameHead head = DecodeFrameHead(frame.view());
    if (head.kind != FrameHead::Kind::kFrame) return Found{};
    ASSIGN_OR_RETURN(const bool has_all, read(at, head.bytes()));
    return Found{head, has_all && IsFrameWhole(sequence, frame.view())};
  };
  for (SegmentScan scan;;) {
    ASSIGN_OR_RETURN(const Found found, find(scan.end));
    if (!found.is_whole) {
      if (!found.head) return scan;
      ASSIGN_OR_RETURN(const Found next, find(scan.end + found.head->bytes()));
      scan.has_more = next.is_whole;
      return scan;
    }
    scan.end += found.head->bytes();
    scan.counts[static_cast<size_t>(found.head->type)] += found.head->count;
  }
}

}  // namespace millrace
