#include "proxy/live_records.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/utf8.h"

namespace millrace::proxy {
namespace {

using Json = nlohmann::ordered_json;

struct Cursor {
  uint64_t sequence = 0;
  uint64_t place = kSegmentHeaderBytes;
};

// "SEQUENCE-PLACE".
std::optional<Cursor> ParseCursor(std::string_view text) {
  Cursor cursor;
  const char* const end = text.data() + text.size();
  const auto sequence = std::from_chars(text.data(), end, cursor.sequence);
  if (sequence.ec != std::errc() || sequence.ptr == end || *sequence.ptr != '-')
    return std::nullopt;
  const auto place = std::from_chars(sequence.ptr + 1, end, cursor.place);
  if (place.ec != std::errc() || place.ptr != end) return std::nullopt;
  return cursor;
}

Cursor Begin(const SegmentState& last, uint64_t max_bytes) {
  const bool is_long = last.end > kSegmentHeaderBytes + max_bytes;
  return {last.sequence, is_long ? last.end : kSegmentHeaderBytes};
}

class Collector {
 public:
  explicit Collector(const LiveRecordsLimits& limits) : limits_(limits) {}

  // False: enough.
  bool Add(const Frame& frame) {
    std::string_view lines = frame.records;
    while (!lines.empty()) {
      if (records_.size() >= limits_.max_records || bytes_ >= limits_.max_bytes) return false;
      const size_t end = lines.find('\n');
      const std::string_view line = lines.substr(0, end);
      bytes_ += line.size();
      records_.push_back({{"type", NameOf(frame.type)},
                          {"received_ms", frame.unix_micros / 1000},
                          {"json", CutUtf8(line, limits_.max_record_bytes)}});
      lines.remove_prefix(end == lines.npos ? lines.size() : end + 1);
    }
    return true;
  }
  Json Take() { return std::move(records_); }

 private:
  const LiveRecordsLimits limits_;
  Json records_ = Json::array();
  size_t bytes_ = 0;
};

// From `from` to the end of the log as it is in `segments`. Whether that was all.
bool Read(const RecordLog& log, const std::vector<SegmentState>& segments, const Cursor& from,
          Collector& to) {
  for (const SegmentState& segment : segments) {
    if (segment.sequence < from.sequence) continue;
    const bool is_first = segment.sequence == from.sequence;
    SegmentReader reader(log, segment.sequence, is_first ? from.place : kSegmentHeaderBytes);
    while (reader.place() < segment.end) {
      const auto frame = reader.Next();
      if (!frame.ok() || !*frame) return false;
      if (!to.Add(**frame)) return false;
    }
  }
  return true;
}

}  // namespace

std::string LiveRecords(const RecordLog& log, std::string_view cursor,
                        const LiveRecordsLimits& limits) {
  const std::vector<SegmentState> segments = log.segments();
  const SegmentState& last = segments.back();
  std::optional<Cursor> from = ParseCursor(cursor);
  if (!from || from->sequence > last.sequence) from = Begin(last, limits.max_first_bytes);
  Collector records(limits);
  const bool is_all = Read(log, segments, *from, records);
  const Json answer = {{"cursor", StrCat(last.sequence, "-", last.end)},
                       {"skipped", !is_all},
                       {"records", records.Take()}};
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millrace::proxy
