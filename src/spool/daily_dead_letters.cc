#include "spool/daily_dead_letters.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "spool/log_source.h"

namespace millrace {
namespace {

std::string DayOf(const RecordLog& log, uint64_t sequence, RecordType type) {
  SegmentReader reader(log, sequence);
  const auto frame = reader.Next(type);
  // The same after every start, because damage stays.
  if (!frame.ok() || !*frame) return "undated";
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixMicros((*frame)->unix_micros),
                          absl::UTCTimeZone());
}

RecordType TypeOf(std::string_view object) {
  for (const RecordType type : kAllRecordTypes) {
    if (object.ends_with(StrCat("/", PluralOf(type)))) return type;
  }
  return RecordType::kEvent;
}

}  // namespace

DailyDeadLetters::DailyDeadLetters(DeadLetterQueue& queue, const RecordLog& log)
    : queue_(queue), log_(log), last_sequence_(log.last_sequence()) {}

DailyDeadLetters::Segment DailyDeadLetters::Read(const LedgerKey& object) const {
  const uint64_t sequence = SequenceOfObject(log_.id(), object.object).value_or(0);
  const RecordType type = TypeOf(object.object);
  Segment segment{.day = object,
                  .first_row = sequence * kRowsOfSegment,
                  .may_have_rows = sequence <= last_sequence_};
  segment.day.object =
      StrCat("spool:", log_.id(), "/", PluralOf(type), "/", DayOf(log_, sequence, type));
  segment.day.version = "";
  return segment;
}

DailyDeadLetters::Segment DailyDeadLetters::Find(const LedgerKey& object, bool adds) {
  absl::MutexLock lock(&mutex_);
  auto found = segments_.find(object);
  if (found == segments_.end()) {
    std::erase_if(segments_, [this](const auto& known) {
      return !log_.segment(known.second.first_row / kRowsOfSegment).has_value();
    });
    found = segments_.emplace(object, Read(object)).first;
  }
  if (adds) found->second.may_have_rows = true;
  return found->second;
}

absl::Status DailyDeadLetters::Add(const LedgerKey& object,
                                   absl::Span<const Rejection> rejections) {
  if (rejections.empty()) return absl::OkStatus();
  const Segment segment = Find(object, /*adds=*/true);
  std::vector<Rejection> moved(rejections.begin(), rejections.end());
  for (Rejection& one : moved) one.source_row += segment.first_row;
  return queue_.Add(segment.day, moved);
}

absl::Status DailyDeadLetters::Sync(const LedgerKey& object) {
  const Segment segment = Find(object, /*adds=*/false);
  return segment.may_have_rows ? queue_.Sync(segment.day) : absl::OkStatus();
}

absl::Status DailyDeadLetters::RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) {
  const Segment segment = Find(object, /*adds=*/false);
  // Spares a search of the whole day.
  if (!segment.may_have_rows) return absl::OkStatus();
  return queue_.RemoveRows(segment.day, segment.first_row + std::min(begin, kRowsOfSegment),
                           segment.first_row + std::min(end, kRowsOfSegment));
}

}  // namespace millrace
