#include "spool/log_source.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/delayed_stop.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "formats/json_reader.h"
#include "mapping/mapping_version.h"
#include "pipeline/intents.h"
#include "spool/log_transform.h"

namespace millrace {
namespace {

constexpr size_t kChunkRows = 2000;
constexpr size_t kChunkBytes = 1 << 20;
// Mapped records and others are in one chunk if there would be smaller chunks than this.
constexpr size_t kMinApartRows = 100;
constexpr absl::Duration kReleaseGrace = absl::Seconds(10);
// While the log does not grow: an object may be given up meanwhile, which must be read again.
constexpr absl::Duration kLookAgain = absl::Seconds(1);

absl::Status Stopped() { return absl::CancelledError("the run was stopped"); }

// The first line of `lines`, with its end.
std::string_view TakeLine(std::string_view& lines) {
  const size_t end = lines.find('\n');
  const std::string_view line = lines.substr(0, end == lines.npos ? end : end + 1);
  lines.remove_prefix(line.size());
  return line;
}

}  // namespace

std::string SegmentObject(const std::string& spool_id, uint64_t sequence, RecordType type) {
  return StrCat("spool:", spool_id, "/", absl::StrFormat("%016x", sequence), "/", PluralOf(type));
}

std::optional<uint64_t> SequenceOfObject(const std::string& spool_id, std::string_view object) {
  const std::string beginning = StrCat("spool:", spool_id, "/");
  if (!object.starts_with(beginning)) return std::nullopt;
  object.remove_prefix(beginning.size());
  uint64_t sequence = 0;
  const auto [end, error] =
      std::from_chars(object.data(), object.data() + object.size(), sequence, 16);
  if (error != std::errc() || end == object.data() + object.size() || *end != '/') {
    return std::nullopt;
  }
  return sequence;
}

LogSource::LogSource(LogSourceOptions options, RecordLog& log, Ledger& ledger)
    : options_(std::move(options)),
      log_(log),
      ledger_(ledger),
      retrier_(options_.retry, Clock::Real()),
      next_(options_.first_sequence) {}

LogSource::~LogSource() {
  if (open_ == nullptr || open_->is_shown) return;
  LedgerEntry entry = *open_->entry;
  const DelayedStop grace(kReleaseGrace);
  const absl::Status freed = ledger_.Release(entry, grace.token());
  if (freed.ok() || absl::IsAborted(freed)) return;
  Log(Severity::kWarning, "a segment was not released; the next start claims it all the same",
      {{"object", entry.key.object}, {"error", ToStd(freed.message())}});
}

absl::StatusOr<std::unique_ptr<Chunk>> LogSource::Next(std::stop_token stop) {
  if (open_ == nullptr) {
    const std::optional<uint64_t> sequence = Choose(stop);
    if (!sequence && !HasEnded()) return Stopped();
    if (!sequence) return nullptr;
    RETURN_IF_ERROR(Claim(*sequence, stop));
    if (open_ == nullptr) return std::make_unique<Chunk>();
  }
  for (;;) {
    if (stop.stop_requested()) return Stopped();
    if (TakeLost(open_->entry->key.object)) {
      return EndObject(absl::AbortedError("the commit of this object was given up"));
    }
    if (!open_->error.ok()) return EndObject(open_->error);
    std::unique_ptr<TextRows> rows = pool_->Take();
    rows->first_row = open_->rows;
    bool are_mapped = false;
    const absl::Status filled = Fill(*rows, are_mapped);
    if (!rows->rows.empty()) {
      open_->error = filled;
      return MakeChunk(std::move(rows), are_mapped);
    }
    pool_->Return(std::move(rows));
    if (!filled.ok()) return EndObject(filled);
    if (IsAtEnd()) return EndObject(absl::OkStatus());
    log_.AwaitMore(open_->sequence, options_.type, open_->rows, stop, kLookAgain);
  }
}

bool LogSource::Ready() {
  if (open_ != nullptr) {
    {
      absl::MutexLock lock(&mutex_);
      if (lost_.contains(open_->entry->key.object)) return true;
    }
    if (!open_->error.ok() || !open_->left.empty()) return true;
    const std::optional<SegmentState> segment = log_.segment(open_->sequence);
    return !segment || segment->is_sealed ||
           segment->counts[static_cast<size_t>(options_.type)] > open_->rows;
  }
  {
    absl::MutexLock lock(&mutex_);
    if (!again_.empty()) return true;
    if (next_ > options_.last_sequence) return unfinished_.empty();
  }
  const std::vector<SegmentState> segments = log_.segments();
  return std::any_of(segments.begin(), segments.end(), [this](const SegmentState& segment) {
    return segment.sequence >= next_ && HasRecords(segment);
  });
}

// The next segment with records of the type, once there is one. Nullopt: the source ends, or a stop
// was requested.
std::optional<uint64_t> LogSource::Choose(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      absl::MutexLock lock(&mutex_);
      if (!again_.empty()) return again_.extract(again_.begin()).value();
    }
    for (const SegmentState& segment : log_.segments()) {
      if (segment.sequence < next_ || segment.sequence > options_.last_sequence) continue;
      if (!HasRecords(segment) && !segment.is_sealed) break;
      next_ = segment.sequence + 1;
      if (HasRecords(segment)) {
        if (options_.expires && options_.expires(segment.sequence)) continue;
        return segment.sequence;
      }
      if (options_.on_done) options_.on_done(segment.sequence);
    }
    if (next_ > options_.last_sequence) {
      if (!AwaitSettled(stop)) return std::nullopt;
      continue;
    }
    log_.AwaitMore(std::max(next_, log_.last_sequence()), options_.type, 0, stop, kLookAgain);
  }
  return std::nullopt;
}

bool LogSource::HasEnded() {
  absl::MutexLock lock(&mutex_);
  return next_ > options_.last_sequence && unfinished_.empty() && again_.empty();
}

// Waits until every object is acknowledged or released. Whether one is to be read again.
bool LogSource::AwaitSettled(const std::stop_token& stop) {
  const auto is_settled = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return unfinished_.empty() || !again_.empty() || stop.stop_requested();
  };
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&is_settled));
  return !again_.empty();
}

absl::Status LogSource::Claim(uint64_t sequence, const std::stop_token& stop) {
  for (RetryLoop tries(retrier_);;) {
    const absl::Status status = TryToClaim(sequence, stop);
    if (status.ok()) tries.Succeeded();
    if (!absl::IsUnavailable(status)) return status;
    RETURN_IF_ERROR(
        tries.WaitToRetry(Annotate(status, "claiming a segment"), absl::ZeroDuration(), stop));
  }
}

absl::Status LogSource::TryToClaim(uint64_t sequence, const std::stop_token& stop) {
  const std::optional<SegmentState> segment = log_.segment(sequence);
  if (!segment) return absl::OkStatus();  // removed: it was done
  const ObjectInfo info{.uri = SegmentObject(log_.id(), sequence, options_.type),
                        .size = segment->end,
                        .version = "1"};
  // The config is not part of the key: the records have their ids already, so a transform that has
  // changed continues where the earlier one stopped.
  const ClaimRequest request{
      .key = {info.uri, info.version, options_.config->config_id, options_.destination},
      .owner = options_.owner,
      .object_bytes = info.size,
      .lease = options_.lease,
      .mapping_version = kMappingVersion};
  ASSIGN_OR_RETURN(Ledger::Claim claim, ledger_.ClaimObject(request, stop));
  while (!claim.entry.intent.empty() && claim.outcome != Ledger::Claim::Outcome::kClaimed) {
    if (!options_.resolve_intent) {
      return OpenCommitOfAnotherMethod(request.key, claim.entry.intent);
    }
    // No other process has this ledger, so whoever announced the commit is dead.
    RETURN_IF_ERROR(options_.resolve_intent(claim.entry.intent, /*owner_is_dead=*/true, stop));
    ASSIGN_OR_RETURN(claim, ledger_.ClaimObject(request, stop));
  }
  switch (claim.outcome) {
    case Ledger::Claim::Outcome::kClaimed:
      break;
    case Ledger::Claim::Outcome::kDone:
      if (options_.on_done) options_.on_done(sequence);
      return absl::OkStatus();
    case Ledger::Claim::Outcome::kConfigChanged:
      return absl::InternalError(StrCat(info.uri, " was begun under another config"));
    case Ledger::Claim::Outcome::kHeld:
    case Ledger::Claim::Outcome::kUncommitted:
      Log(Severity::kWarning, "a segment is held by another run, and left to it",
          {{"object", info.uri}, {"destination", options_.destination}});
      return absl::OkStatus();
  }
  open_ = std::make_unique<Open>();
  open_->entry = std::make_shared<const LedgerEntry>(std::move(claim.entry));
  open_->sequence = sequence;
  open_->reader = std::make_unique<SegmentReader>(log_, sequence);
  TakeLost(info.uri);  // an earlier claim
  open_->error = SkipTo(open_->entry->position.row);
  open_->rows = open_->entry->position.row;
  return absl::OkStatus();
}

absl::Status LogSource::SkipTo(uint64_t row) {
  while (row > 0) {
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, open_->reader->Next(options_.type));
    if (!frame) return absl::DataLossError("the segment has fewer records than were delivered");
    if (frame->count <= row) {
      row -= frame->count;
      continue;
    }
    open_->left = frame->records;
    open_->left_is_mapped = frame->is_mapped;
    for (; row > 0; --row) TakeLine(open_->left);
  }
  return absl::OkStatus();
}

// Adds rows up to the size of a chunk, as far as there are some. `are_mapped`: all of them are.
absl::Status LogSource::Fill(TextRows& rows, bool& are_mapped) {
  are_mapped = open_->left_is_mapped;
  while (rows.rows.size() < kChunkRows && rows.text.size() < kChunkBytes) {
    if (open_->left.empty()) {
      ASSIGN_OR_RETURN(const std::optional<Frame> frame, open_->reader->Next(options_.type));
      if (!frame) return absl::OkStatus();
      open_->left = frame->records;
      open_->left_is_mapped = frame->is_mapped;
      if (rows.rows.empty()) are_mapped = frame->is_mapped;
      if (are_mapped != frame->is_mapped && rows.rows.size() >= kMinApartRows) break;
      are_mapped = are_mapped && frame->is_mapped;
    }
    TakeRows(rows);
  }
  return absl::OkStatus();
}

// Adds rows of the frame, up to the size of a chunk.
void LogSource::TakeRows(TextRows& rows) {
  const size_t before = rows.rows.size();
  const size_t begin = rows.text.size();
  size_t size = 0;  // of the rows that are taken, with their line ends
  while (size < open_->left.size() && rows.rows.size() < kChunkRows && begin + size < kChunkBytes) {
    const size_t end = std::min(open_->left.find('\n', size), open_->left.size() - 1);
    rows.rows.push_back({static_cast<uint32_t>(begin + size), static_cast<uint32_t>(begin + end)});
    size = end + 1;
  }
  rows.text.Append(open_->left.substr(0, size));
  open_->left.remove_prefix(size);
  open_->rows += rows.rows.size() - before;
}

std::unique_ptr<Chunk> LogSource::MakeChunk(std::unique_ptr<TextRows> rows, bool are_mapped) {
  auto chunk = std::make_unique<Chunk>();
  chunk->object = open_->entry;
  chunk->first_row = rows->first_row;
  chunk->rows = rows->rows.size();
  chunk->after = {.row = open_->rows};
  rows->after = chunk->after;
  auto payload = std::make_unique<LogPayload>();
  payload->config = options_.config;
  if (are_mapped) payload->mapped = rows.get();
  payload->rows = NewJsonChunk(std::move(rows), pool_);
  chunk->payload = std::move(payload);
  if (!open_->is_shown) {
    open_->is_shown = true;
    absl::MutexLock lock(&mutex_);
    unfinished_.insert(open_->sequence);
  }
  return chunk;
}

std::unique_ptr<Chunk> LogSource::EndObject(absl::Status error) {
  auto chunk = std::make_unique<Chunk>();
  chunk->object = open_->entry;
  chunk->first_row = open_->rows;
  chunk->after = {.row = open_->rows};
  chunk->last = true;
  chunk->error = std::move(error);
  if (!open_->is_shown) {
    absl::MutexLock lock(&mutex_);
    unfinished_.insert(open_->sequence);
  }
  open_.reset();
  return chunk;
}

bool LogSource::IsAtEnd() const { return open_->reader->at_end(); }

bool LogSource::TakeLost(const std::string& object) {
  absl::MutexLock lock(&mutex_);
  return lost_.erase(object) > 0;
}

void LogSource::Ack(const LedgerEntry& object) {
  const std::optional<uint64_t> sequence = SequenceOfObject(log_.id(), object.key.object);
  if (!sequence) return;
  {
    absl::MutexLock lock(&mutex_);
    unfinished_.erase(*sequence);
  }
  if (options_.on_done) options_.on_done(*sequence);
}

void LogSource::Release(const LedgerEntry& object, Unfinished why) {
  const std::optional<uint64_t> sequence = SequenceOfObject(log_.id(), object.key.object);
  if (!sequence) return;
  absl::MutexLock lock(&mutex_);
  unfinished_.erase(*sequence);
  if (why != Unfinished::kTakenOver) return;
  lost_.insert(object.key.object);
  again_.insert(*sequence);
}

}  // namespace millrace
