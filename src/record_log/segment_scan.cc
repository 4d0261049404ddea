#include "record_log/segment_scan.h"

#include <algorithm>
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

namespace {

constexpr size_t kWindowBytes = 1 << 20;
constexpr size_t kMinFrameBytes = kFrameHeaderBytes + 2;  // of a damaged part; see damaged_part.cc

// Whether a frame may begin here, quickly: records have no zero byte, so few places look like it.
bool MayBegin(const char* bytes) {
  const bool has_size = bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 0 || bytes[3] != 0;
  return has_size && bytes[10] == 0 && bytes[11] == 0;  // the type is small
}

class Scanner {
 public:
  Scanner(LogFile& file, uint64_t sequence)
      : file_(file), sequence_(sequence), size_(file.size()) {}

  // The head of the frame at a place, if its size is credible, and whether all of it is right.
  struct Found {
    std::optional<FrameHead> head;
    bool is_whole = false;
  };
  absl::StatusOr<Found> FrameAt(uint64_t at) {
    ASSIGN_OR_RETURN(const bool has_head, Read(at, kFrameHeaderBytes, frame_));
    if (!has_head) return Found{};
    const FrameHead head = DecodeFrameHead(frame_.view());
    if (head.kind != FrameHead::Kind::kFrame) return Found{};
    ASSIGN_OR_RETURN(const bool has_all, Read(at, head.bytes(), frame_));
    return Found{head, has_all && IsFrameWhole(sequence_, frame_.view())};
  }

  // Where the part ends that begins at `begin` with no whole frame: at the next frame. Nullopt:
  // there is none, so that the segment ends here.
  absl::StatusOr<std::optional<uint64_t>> EndOfDamage(uint64_t begin,
                                                      const std::optional<FrameHead>& head) {
    ASSIGN_OR_RETURN(const std::optional<uint64_t> whole, NextWhole(begin + kMinFrameBytes));
    if (!whole || !head || begin + head->bytes() >= *whole) return whole;
    // Several frames are damaged: this is where the first one ends, unless its size is wrong.
    ASSIGN_OR_RETURN(const Found next, FrameAt(begin + head->bytes()));
    const uint64_t left = *whole - begin - head->bytes();
    return next.head && left >= kMinFrameBytes ? begin + head->bytes() : *whole;
  }

 private:
  // False: the file has not so many bytes there.
  absl::StatusOr<bool> Read(uint64_t at, size_t bytes, ByteBuffer& to) {
    if (at > size_ || bytes > size_ - at) return false;
    to.clear();
    char* const place = to.Reserve(bytes);
    ASSIGN_OR_RETURN(const size_t got, file_.Read(at, absl::MakeSpan(place, bytes)));
    to.Commit(got);
    return got == bytes;
  }

  absl::StatusOr<std::optional<uint64_t>> NextWhole(uint64_t from) {
    while (from + kFrameHeaderBytes <= size_) {
      const size_t bytes = std::min<uint64_t>(kWindowBytes, size_ - from);
      ASSIGN_OR_RETURN(const bool has_all, Read(from, bytes, window_));
      if (!has_all) return std::nullopt;
      size_t i = 0;
      for (; i + kFrameHeaderBytes <= bytes; ++i) {
        if (!MayBegin(window_.data() + i)) continue;
        ASSIGN_OR_RETURN(const Found found, FrameAt(from + i));
        if (found.is_whole) return from + i;
      }
      from += i;
    }
    return std::nullopt;
  }

  LogFile& file_;
  const uint64_t sequence_;
  const uint64_t size_;
  ByteBuffer frame_;
  ByteBuffer window_;
};

}  // namespace

absl::StatusOr<SegmentScan> ScanSegment(LogFile& file, uint64_t sequence) {
  Scanner scanner(file, sequence);
  SegmentScan scan;
  for (uint64_t at = scan.end;;) {
    ASSIGN_OR_RETURN(const Scanner::Found found, scanner.FrameAt(at));
    if (found.is_whole) {
      at += found.head->bytes();
      scan.end = at;
      scan.counts[static_cast<size_t>(found.head->type)] += found.head->count;
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<uint64_t> end, scanner.EndOfDamage(at, found.head));
    if (!end) return scan;
    scan.damaged.push_back({at, *end});
    at = *end;
  }
}

}  // namespace millrace
