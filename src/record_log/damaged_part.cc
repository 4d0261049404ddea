#include "record_log/damaged_part.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/status.h"
#include "record_log/frame.h"

namespace millrace {
namespace {

constexpr size_t kMinLineBytes = 2;        // "!\n"
constexpr size_t kMaxLineBytes = 1 << 20;  // as of records

// The head with the size that the part has: only its other fields are believed.
FrameHead HeadOf(std::string_view part) {
  std::string head(part.substr(0, kFrameHeaderBytes));
  const auto size = static_cast<uint32_t>(part.size() - kFrameHeaderBytes);
  std::memcpy(head.data(), &size, sizeof(size));
  return DecodeFrameHead(head);
}

// Whether no line is too short to be marked, and there are `count` of them.
bool HasLines(std::string_view text, size_t count) {
  return text.ends_with('\n') && text.find("\n\n") == std::string_view::npos &&
         text.front() != '\n' &&
         static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) == count;
}

// `text` as `count` lines that are no JSON, at least kMinLineBytes for each.
void MarkLines(std::string& text, size_t count) {
  if (!HasLines(text, count)) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    for (size_t i = 0; i < count; ++i) text[text.size() - 1 - i * kMinLineBytes] = '\n';
  }
  bool begins = true;
  for (char& c : text) {
    if (begins) c = '!';
    begins = c == '\n';
  }
}

// Fills `text` with blank lines that are no JSON; returns how many.
uint32_t FillWithLines(std::string& text) {
  std::fill(text.begin(), text.end(), ' ');
  uint32_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) {
    text[at] = '!';
    const size_t left = text.size() - at;
    // No line is left that has no room for its end.
    at += left <= kMaxLineBytes ? left : std::min(kMaxLineBytes, left - kMinLineBytes);
    text[at - 1] = '\n';
  }
  return count;
}

}  // namespace

absl::StatusOr<LostRecords> ReplaceDamagedPart(LogFile& file, uint64_t sequence,
                                               const DamagedPart& part) {
  std::string bytes(part.end - part.begin, '\0');
  ASSIGN_OR_RETURN(const size_t read, file.Read(part.begin, absl::MakeSpan(bytes)));
  if (read < bytes.size()) return absl::DataLossError("the file of a segment is too short");
  const FrameHead head = HeadOf(bytes);
  std::string text = bytes.substr(kFrameHeaderBytes);
  const size_t max = text.size() / kMinLineBytes;
  LostRecords lost;
  if (part.is_unwritten) {
    lost.count = FillWithLines(text);
  } else {
    if (head.kind == FrameHead::Kind::kFrame && head.count <= max) {
      lost = {head.type, head.count};
    } else {
      const auto ends = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
      lost.count = static_cast<uint32_t>(std::clamp<size_t>(ends, 1, max));
    }
    MarkLines(text, lost.count);
  }
  ByteBuffer frame;
  AppendFrame({lost.type, lost.count, head.unix_micros, text}, frame);
  SaltFrames(sequence, frame.data(), frame.size());
  RETURN_IF_ERROR(file.Write(part.begin, frame.view()));
  return lost;
}

}  // namespace millrace
