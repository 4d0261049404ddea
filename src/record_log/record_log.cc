#include "record_log/record_log.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "record_log/damaged_part.h"
#include "record_log/segment_scan.h"

namespace millrace {
namespace {

constexpr std::string_view kSegmentExtension = ".log";
constexpr std::string_view kSparePrefix = "spare-";
constexpr size_t kMaxSpares = 2;
constexpr size_t kIdBytes = 16;
constexpr absl::Duration kRetryRoom = absl::Seconds(1);  // after a full disk
// After a sync of many frames, more are on their way: the next one waits a moment, because a sync
// of many takes as much processor time as one of few.
constexpr size_t kBusyFrames = 8;
constexpr size_t kGatheredFrames = 16;
constexpr absl::Duration kGatherTime = absl::Microseconds(200);

std::string SegmentName(uint64_t sequence) {
  return absl::StrFormat("%016x", sequence) + std::string(kSegmentExtension);
}

std::optional<uint64_t> SequenceOf(std::string_view name) {
  if (!name.ends_with(kSegmentExtension)) return std::nullopt;
  name.remove_suffix(kSegmentExtension.size());
  uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), sequence, 16);
  if (error != std::errc() || end != name.data() + name.size() || name.size() != 16) {
    return std::nullopt;
  }
  return sequence;
}

std::string NewId() {
  absl::BitGen random;
  std::string id;
  while (id.size() < kIdBytes) id += static_cast<char>(absl::Uniform<uint8_t>(random));
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordLog>> RecordLog::Open(LogFiles& files,
                                                           const RecordLogOptions& options,
                                                           Clock& clock) {
  if (options.max_bytes < 2 * options.segment_bytes) {
    return absl::InvalidArgumentError(
        StrCat("a spool takes at least two segments, ", 2 * options.segment_bytes, " bytes"));
  }
  auto log = std::unique_ptr<RecordLog>(new RecordLog(files, options, clock));
  RETURN_IF_ERROR(log->Recover());
  log->preparer_ = std::thread([log = log.get()] { log->PrepareAhead(); });
  log->committer_ = std::thread([log = log.get()] { log->Commit(); });
  return log;
}

RecordLog::~RecordLog() {
  {
    absl::MutexLock lock(&append_mutex_);
    ends_ = true;
  }
  if (committer_.joinable()) committer_.join();
  {
    absl::MutexLock lock(&state_mutex_);
    ends_preparing_ = true;
  }
  if (preparer_.joinable()) preparer_.join();
}

absl::Status RecordLog::Recover() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List());
  uint64_t last = 0;
  for (const std::string& name : names) {
    if (name.starts_with(kSparePrefix)) {
      RETURN_IF_ERROR(files_.Remove(name));
      continue;
    }
    const std::optional<uint64_t> sequence = SequenceOf(name);
    if (!sequence) continue;
    last = std::max(last, *sequence);
    absl::StatusOr<SegmentState> segment = RecoverSegment(name, *sequence);
    if (!segment.ok()) return Annotate(segment.status(), StrCat("the segment ", name));
    const bool is_empty = segment->counts == RecordCounts();
    absl::MutexLock lock(&state_mutex_);
    if (is_empty) {
      RETURN_IF_ERROR(files_.Remove(name));
    } else {
      segments_[*sequence] = *std::move(segment);
    }
  }
  if (raw_id_.empty()) raw_id_ = NewId();
  id_ = absl::BytesToHexString(raw_id_);
  begun_beyond_max_ = !CheckRoom(options_.segment_bytes).ok();
  // Quickly: requests wait for it.
  ASSIGN_OR_RETURN(Prepared first, Prepare(last + 1, LogFiles::Fill::kNone));
  Begin(std::move(first));
  return absl::OkStatus();
}

absl::StatusOr<SegmentState> RecordLog::RecoverSegment(const std::string& name, uint64_t sequence) {
  SegmentState segment{.sequence = sequence, .is_sealed = true};
  ASSIGN_OR_RETURN(segment.file, files_.Open(name));
  std::string header(kSegmentHeaderBytes, '\0');
  ASSIGN_OR_RETURN(const size_t read, segment.file->Read(0, absl::MakeSpan(header)));
  const std::optional<SegmentHeader> decoded = DecodeHeader(header.substr(0, read));
  if (!decoded || decoded->sequence != sequence) {
    return absl::DataLossError("its header is damaged; restore the file, or move it away");
  }
  if (!raw_id_.empty() && decoded->spool_id != raw_id_) {
    return absl::DataLossError("it belongs to another spool; move it away");
  }
  raw_id_ = decoded->spool_id;
  if (const std::optional<uint64_t> seal_at = DecodeNote(sequence, header)) {
    const absl::StatusOr<RecordCounts> counts = ReadSeal(*segment.file, sequence, *seal_at);
    if (counts.ok()) {
      segment.end = *seal_at;
      segment.counts = *counts;
      Shrink(segment);
      return segment;
    }
  }
  ASSIGN_OR_RETURN(const SegmentScan scan, ScanSegment(*segment.file, sequence));
  segment.end = scan.end;
  segment.counts = scan.counts;
  uint64_t damaged = 0;
  for (const DamagedPart& part : scan.damaged) {
    ASSIGN_OR_RETURN(const LostRecords lost, ReplaceDamagedPart(*segment.file, sequence, part));
    segment.counts[static_cast<size_t>(lost.type)] += lost.count;
    damaged += lost.count;
  }
  if (damaged > 0) {
    damaged_ += damaged;
    Log(Severity::kWarning,
        "records of the spool are damaged, and become dead letters; after a loss of power, they "
        "may be records that were not answered",
        {{"segment", name}, {"at", scan.damaged[0].begin}, {"records", damaged}});
  }
  // Its last frames may not be on stable storage yet, and readers must not see them before.
  if (segment.counts != RecordCounts()) RETURN_IF_ERROR(Seal(segment));
  Shrink(segment);
  return segment;
}

// A segment that ended early, by its age or with its process, does not keep room that it will never
// use.
void RecordLog::Shrink(const SegmentState& sealed) const {
  const uint64_t used = sealed.end + kSealBytes;
  if (sealed.counts == RecordCounts() || used > options_.segment_bytes / 2) return;
  if (sealed.file->size() <= used) return;
  if (const absl::Status shrunk = sealed.file->Truncate(used); !shrunk.ok()) {
    Log(Severity::kWarning, "a segment of the spool keeps room that it does not need",
        {{"error", ToStd(shrunk.message())}});
  }
}

absl::Status RecordLog::CheckRoom(uint64_t more) const {
  absl::MutexLock lock(&state_mutex_);
  uint64_t bytes = more;
  for (const auto& [sequence, segment] : segments_) bytes += segment.file->size();
  if (bytes <= options_.max_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("the spool has reached its maximum of ", options_.max_bytes,
             " bytes: destinations have not taken ", segments_.size(), " segments"));
}

// A file for the segment, which has its name on stable storage: one to be used again, or a new one.
absl::StatusOr<RecordLog::Prepared> RecordLog::Prepare(uint64_t sequence, LogFiles::Fill fill) {
  std::string spare;
  {
    absl::MutexLock lock(&state_mutex_);
    if (!spare_.empty()) {
      spare = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  Prepared prepared{.sequence = sequence, .is_filled = true};
  if (!spare.empty()) {
    ASSIGN_OR_RETURN(prepared.file, files_.Open(spare));
  } else {
    spare = StrCat(kSparePrefix, SegmentName(sequence));
    ASSIGN_OR_RETURN(prepared.file, files_.Create(spare, options_.segment_bytes, fill));
    prepared.is_filled = fill == LogFiles::Fill::kZeros;
  }
  const std::string header = EncodeHeader({.spool_id = raw_id_, .sequence = sequence});
  RETURN_IF_ERROR(prepared.file->Write(0, header));
  RETURN_IF_ERROR(prepared.file->Sync());
  RETURN_IF_ERROR(files_.Rename(spare, SegmentName(sequence)));
  RETURN_IF_ERROR(files_.SyncNames());
  return prepared;
}

void RecordLog::Begin(Prepared prepared) {
  absl::MutexLock lock(&state_mutex_);
  segments_[prepared.sequence] = {.sequence = prepared.sequence,
                                  .is_filled = prepared.is_filled,
                                  .file = std::move(prepared.file)};
}

void RecordLog::PrepareAhead() {
  pthread_setname_np(pthread_self(), "mr-log-next");
  absl::MutexLock lock(&state_mutex_);
  for (;;) {
    state_mutex_.Await(absl::Condition(this, &RecordLog::MayPrepare));
    if (ends_preparing_) return;
    const uint64_t sequence = segments_.rbegin()->first + 1;
    // One that follows a quiet time is needed at once, and will not be full.
    const LogFiles::Fill fill = is_busy_ ? LogFiles::Fill::kZeros : LogFiles::Fill::kNone;
    state_mutex_.Unlock();
    const absl::Status room = CheckRoom(options_.segment_bytes);
    absl::StatusOr<Prepared> prepared = room.ok() ? Prepare(sequence, fill) : room;
    state_mutex_.Lock();
    no_room_ = prepared.status();
    if (prepared.ok()) {
      next_ = *std::move(prepared);
      continue;
    }
    // Another try when a segment was removed, or somebody may have made room on the disk.
    wants_next_ = false;
    state_mutex_.AwaitWithTimeout(absl::Condition(this, &RecordLog::MayPrepare), kRetryRoom);
    wants_next_ = true;
  }
}

void RecordLog::Append(absl::Span<const Frame> frames, Done done, FramePlace* place) {
  size_t bytes = 0;
  uint32_t count = 0;
  bool fits = !frames.empty();
  for (const Frame& frame : frames) {
    fits = fits && !frame.records.empty() && frame.records.size() <= kMaxFrameBytes;
    bytes += kFrameHeaderBytes + frame.records.size();
    count += frame.count;
  }
  if (!fits || kSegmentHeaderBytes + bytes + kSealBytes > options_.segment_bytes) {
    return done(absl::InvalidArgumentError("the records do not fit into a segment"));
  }
  {
    absl::MutexLock lock(&append_mutex_);
    const bool has_room =
        batch_.frames.size() + bytes <= options_.max_waiting_bytes || batch_.frames.empty();
    if (has_room && !ends_) {
      for (const Frame& frame : frames) AppendFrame(frame, batch_.frames);
      batch_.waiting.push_back(
          {batch_.frames.size(), frames[0].type, count, std::move(done), place});
      return;
    }
  }
  done(absl::ResourceExhaustedError("too much waits for the disk"));
}

void RecordLog::Commit() {
  pthread_setname_np(pthread_self(), "mr-log-commit");
  Batch batch;
  size_t last_frames = 0;
  for (;;) {
    bool ends = false;
    {
      absl::MutexLock lock(&append_mutex_);
      append_mutex_.AwaitWithTimeout(absl::Condition(this, &RecordLog::HasWork), TimeToRotate());
      if (last_frames >= kBusyFrames) {
        append_mutex_.AwaitWithTimeout(absl::Condition(this, &RecordLog::HasGathered), kGatherTime);
      }
      std::swap(batch, batch_);
      ends = ends_;
    }
    Write(batch);
    last_frames = batch.waiting.size();
    batch.frames.clear();
    batch.waiting.clear();
    if (!ends && TimeToRotate() == absl::ZeroDuration()) Rotate().IgnoreError();
    if (!ends) continue;
    const SegmentState last = Last();
    if (last.counts != RecordCounts() && failure().ok()) Seal(last).IgnoreError();
    return;
  }
}

bool RecordLog::HasGathered() const { return ends_ || batch_.waiting.size() >= kGatheredFrames; }

absl::Duration RecordLog::TimeToRotate() const {
  absl::MutexLock lock(&state_mutex_);
  const SegmentState& last = segments_.rbegin()->second;
  if (last.counts == RecordCounts()) return absl::InfiniteDuration();
  const absl::Duration left = begun_ + options_.segment_age - clock_.Elapsed();
  if (left > absl::ZeroDuration()) return left;
  return no_room_.ok() && failure_.ok() ? absl::ZeroDuration() : kRetryRoom;
}

// In as many runs as there are segments that it takes.
void RecordLog::Write(Batch& batch) {
  const size_t count = batch.waiting.size();
  for (size_t first = 0; first < count;) {
    absl::Status status = failure();
    if (status.ok() && begun_beyond_max_) {
      status = CheckRoom(0);
      begun_beyond_max_ = !status.ok();
    }
    const uint64_t room = options_.segment_bytes - kSealBytes - Last().end;
    const size_t begin = first == 0 ? 0 : batch.waiting[first - 1].end;
    size_t last = first;
    while (last < count && batch.waiting[last].end - begin <= room) ++last;
    if (status.ok() && last == first) {
      status = Rotate();
      if (status.ok()) continue;
    }
    if (status.ok()) status = WriteRun(batch, first, last);
    // Without room for the first one, the others that wait do not get ahead of it.
    if (!status.ok()) last = count;
    for (; first < last; ++first) batch.waiting[first].done(status);
  }
}

// What was appended from `first` to `last` - 1, which fits.
absl::Status RecordLog::WriteRun(Batch& batch, size_t first, size_t last) {
  const SegmentState segment = Last();
  const size_t begin = first == 0 ? 0 : batch.waiting[first - 1].end;
  const size_t end = batch.waiting[last - 1].end;
  SaltFrames(segment.sequence, batch.frames.data() + begin, end - begin);
  absl::Status status = segment.file->Write(segment.end, batch.frames.view(begin, end));
  if (status.ok() && options_.syncs) {
    const absl::Duration begin = clock_.Elapsed();
    status = segment.file->Sync();
    sync_durations_.Observe(absl::ToDoubleSeconds(clock_.Elapsed() - begin));
  }
  if (!status.ok()) {
    Fail(status);
    return failure();
  }
  if (segment.counts == RecordCounts()) begun_ = clock_.Elapsed();
  absl::MutexLock lock(&state_mutex_);
  SegmentState& state = segments_[segment.sequence];
  state.end += end - begin;
  for (size_t i = first; i < last; ++i) {
    const Waiting& one = batch.waiting[i];
    uint64_t& rows = state.counts[static_cast<size_t>(one.type)];
    rows += one.count;
    if (one.place != nullptr) *one.place = {.sequence = state.sequence, .end_row = rows};
  }
  if (state.end > options_.segment_bytes / 2) wants_next_ = is_busy_ = true;
  return absl::OkStatus();
}

void RecordLog::Fail(const absl::Status& why) {
  Log(Severity::kError, "the disk of the spool failed; nothing is acknowledged any more",
      {{"error", ToStd(why.message())}});
  absl::MutexLock lock(&state_mutex_);
  failure_ = absl::UnavailableError(StrCat("the disk of the spool failed: ", why.message()));
}

absl::Status RecordLog::Seal(const SegmentState& segment) {
  RETURN_IF_ERROR(segment.file->Write(segment.end, EncodeSeal(segment.sequence, segment.counts)));
  RETURN_IF_ERROR(segment.file->Sync());
  // If it is lost, the frames are read to find the seal.
  return segment.file->Write(kNoteAt, EncodeNote(segment.sequence, segment.end));
}

absl::Status RecordLog::Rotate() {
  Prepared next;
  {
    absl::MutexLock lock(&state_mutex_);
    wants_next_ = true;
    state_mutex_.Await(absl::Condition(this, &RecordLog::NextIsKnown));
    if (!next_) return no_room_;
    next = *std::move(next_);
    next_.reset();
    wants_next_ = is_busy_ = false;
  }
  const SegmentState last = Last();
  if (const absl::Status sealed = Seal(last); !sealed.ok()) {
    Fail(sealed);
    return failure();
  }
  Shrink(last);
  Begin(std::move(next));
  absl::MutexLock lock(&state_mutex_);
  segments_[last.sequence].is_sealed = true;
  return absl::OkStatus();
}

SegmentState RecordLog::Last() const {
  absl::MutexLock lock(&state_mutex_);
  return segments_.rbegin()->second;
}

std::vector<SegmentState> RecordLog::segments() const {
  absl::MutexLock lock(&state_mutex_);
  std::vector<SegmentState> segments;
  for (const auto& [sequence, segment] : segments_) {
    segments.push_back({.sequence = segment.sequence,
                        .end = segment.end,
                        .counts = segment.counts,
                        .is_sealed = segment.is_sealed});
  }
  return segments;
}

std::optional<SegmentState> RecordLog::segment(uint64_t sequence) const {
  absl::MutexLock lock(&state_mutex_);
  const auto found = segments_.find(sequence);
  return found == segments_.end() ? std::nullopt : std::optional(found->second);
}

uint64_t RecordLog::last_sequence() const {
  absl::MutexLock lock(&state_mutex_);
  return segments_.rbegin()->first;
}

uint64_t RecordLog::bytes() const {
  absl::MutexLock lock(&state_mutex_);
  uint64_t bytes = 0;
  for (const auto& [sequence, segment] : segments_) bytes += segment.end;
  return bytes;
}

absl::Status RecordLog::failure() const {
  absl::MutexLock lock(&state_mutex_);
  return failure_;
}

void RecordLog::AwaitMore(uint64_t sequence, RecordType type, uint64_t count,
                          const std::stop_token& stop, absl::Duration timeout) const {
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&state_mutex_); });
  const auto has_more = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_mutex_) {
    if (stop.stop_requested()) return true;
    const auto found = segments_.find(sequence);
    if (found == segments_.end()) return sequence < segments_.rbegin()->first;
    return found->second.is_sealed || found->second.counts[static_cast<size_t>(type)] > count;
  };
  absl::MutexLock lock(&state_mutex_);
  state_mutex_.AwaitWithTimeout(absl::Condition(&has_more), timeout);
}

absl::Status RecordLog::Remove(uint64_t sequence) {
  bool is_spare = false;
  {
    absl::MutexLock lock(&state_mutex_);
    const auto found = segments_.find(sequence);
    if (found == segments_.end() || !found->second.is_sealed) return absl::OkStatus();
    // A file that somebody still reads must not be written again.
    const SegmentState& segment = found->second;
    is_spare = segment.is_filled && segment.file->size() == options_.segment_bytes &&
               segment.file.use_count() == 1 && spare_.size() < kMaxSpares;
    segments_.erase(found);
  }
  const std::string name = SegmentName(sequence), spare = StrCat(kSparePrefix, name);
  RETURN_IF_ERROR(is_spare ? files_.Rename(name, spare) : files_.Remove(name));
  RETURN_IF_ERROR(files_.SyncNames());
  absl::MutexLock lock(&state_mutex_);
  if (is_spare) spare_.push_back(spare);
  wants_next_ = wants_next_ || !no_room_.ok();
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> SegmentReader::Peek(size_t size) {
  constexpr size_t kReadBytes = 256 << 10;
  const uint64_t buffered = buffer_at_ + buffer_.size();
  if (place_ >= buffer_at_ && place_ + size <= buffered) {
    return buffer_.view(place_ - buffer_at_, place_ - buffer_at_ + size);
  }
  const uint64_t left = state_.end + (state_.is_sealed ? kSealBytes : 0) - place_;
  if (size > left) return absl::DataLossError("a frame goes beyond the end of its segment");
  const size_t wanted = std::min<uint64_t>(left, std::max(size, kReadBytes));
  buffer_.clear();
  buffer_at_ = place_;
  char* const to = buffer_.Reserve(wanted);
  ASSIGN_OR_RETURN(const size_t read, state_.file->Read(place_, absl::MakeSpan(to, wanted)));
  buffer_.Commit(read);
  if (read < size) return absl::DataLossError("the file of a segment is too short");
  return buffer_.view(0, size);
}

absl::StatusOr<std::optional<Frame>> SegmentReader::Read(std::optional<RecordType> type) {
  while (!at_end_) {
    if (place_ >= state_.end) {
      std::optional<SegmentState> now = log_.segment(sequence_);
      if (!now) return absl::NotFoundError(StrCat("the segment ", sequence_, " was removed"));
      state_ = *std::move(now);
      if (place_ >= state_.end) {
        at_end_ = state_.is_sealed;
        return std::nullopt;
      }
    }
    ASSIGN_OR_RETURN(const std::string_view bytes, Peek(kFrameHeaderBytes));
    const FrameHead head = DecodeFrameHead(bytes);
    const absl::Status damaged =
        absl::DataLossError(StrCat("the segment ", sequence_, " is damaged at byte ", place_));
    if (head.kind != FrameHead::Kind::kFrame) return damaged;
    if (type && head.type != *type) {
      place_ += head.bytes();
      continue;
    }
    ASSIGN_OR_RETURN(const std::string_view whole, Peek(head.bytes()));
    if (!IsFrameWhole(sequence_, whole)) return damaged;
    place_ += head.bytes();
    return Frame{.type = head.type,
                 .count = head.count,
                 .unix_micros = head.unix_micros,
                 .records = whole.substr(kFrameHeaderBytes),
                 .is_mapped = head.is_mapped};
  }
  return std::nullopt;
}

}  // namespace millrace
