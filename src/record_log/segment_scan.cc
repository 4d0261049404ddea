#include "record_log/segment_scan.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

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

template <typename T>
T Load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

// The first place from `at` on where a frame may begin, quickly: the rest of a file is mostly
// zeros, and records have none.
size_t NextCandidate(std::string_view bytes, size_t at) {
  while (at + kFrameHeaderBytes <= bytes.size()) {
    const char* const here = bytes.data() + at;
    if (Load<uint64_t>(here) == 0) {
      at += sizeof(uint64_t) - sizeof(uint32_t) + 1;  // no size in these bytes
    } else if (Load<uint32_t>(here) == 0 || Load<uint16_t>(here + 10) != 0) {
      ++at;  // the upper half of a type is 0
    } else {
      return at;
    }
  }
  return at;
}

class Scanner {
 public:
  Scanner(LogFile& file, uint64_t sequence)
      : file_(file), sequence_(sequence), size_(file.size()) {}

  // The head of the frame at a place, if its size is credible, and whether all of it is right.
  struct Found {
    std::optional<FrameHead> head;
    bool is_whole = false;
    bool is_of_earlier = false;  // all of it is right, in an earlier segment
  };
  absl::StatusOr<Found> FrameAt(uint64_t at) {
    ASSIGN_OR_RETURN(const bool has_head, Read(at, kFrameHeaderBytes, frame_));
    if (!has_head) return Found{};
    const FrameHead head = DecodeFrameHead(frame_.view());
    if (head.kind != FrameHead::Kind::kFrame) return Found{};
    ASSIGN_OR_RETURN(const bool has_all, Read(at, head.bytes(), frame_));
    if (!has_all) return Found{head};
    return Found{head, IsFrameWhole(sequence_, frame_.view()),
                 IsFrameOfEarlier(sequence_, frame_.view())};
  }

  // The place of the first whole frame at or after `from`, if there is one.
  absl::StatusOr<std::optional<uint64_t>> NextWhole(uint64_t from) {
    while (from + kFrameHeaderBytes <= size_) {
      const size_t bytes = std::min<uint64_t>(kWindowBytes, size_ - from);
      ASSIGN_OR_RETURN(const bool has_all, Read(from, bytes, window_));
      if (!has_all) return std::nullopt;
      size_t at = NextCandidate(window_.view(), 0);
      for (; at + kFrameHeaderBytes <= bytes; at = NextCandidate(window_.view(), at + 1)) {
        ASSIGN_OR_RETURN(const bool is_whole, IsWhole(from + at, window_.view(at, bytes)));
        if (is_whole) return from + at;
      }
      from += bytes - kFrameHeaderBytes + 1;
    }
    return std::nullopt;
  }

  // The part that begins at `begin`, where no whole frame is, up to `end` at most, where one is.
  absl::StatusOr<DamagedPart> PartAt(uint64_t begin, uint64_t end) {
    ASSIGN_OR_RETURN(const Found found, FrameAt(begin));
    const bool is_unwritten = found.is_of_earlier || Load<uint32_t>(frame_.data()) == 0;
    const DamagedPart all{begin, end, is_unwritten};
    if (is_unwritten || !found.head) return all;
    // Several frames are damaged: this is where the first one ends, unless its size is wrong.
    const uint64_t next = begin + found.head->bytes();
    if (next + kMinFrameBytes > end) return all;
    ASSIGN_OR_RETURN(const Found second, FrameAt(next));
    return second.head ? DamagedPart{begin, next} : all;
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

  // `bytes`: what was read from there on.
  absl::StatusOr<bool> IsWhole(uint64_t at, std::string_view bytes) {
    const FrameHead head = DecodeFrameHead(bytes);
    if (head.kind != FrameHead::Kind::kFrame) return false;
    if (head.bytes() <= bytes.size()) {
      return IsFrameWhole(sequence_, bytes.substr(0, head.bytes()));
    }
    ASSIGN_OR_RETURN(const Found found, FrameAt(at));
    return found.is_whole;
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
    ASSIGN_OR_RETURN(const std::optional<uint64_t> whole, scanner.NextWhole(at + kMinFrameBytes));
    if (!whole) return scan;
    while (at < *whole) {
      ASSIGN_OR_RETURN(const DamagedPart part, scanner.PartAt(at, *whole));
      scan.damaged.push_back(part);
      at = part.end;
    }
  }
}

}  // namespace millrace
