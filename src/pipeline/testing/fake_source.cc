#include "pipeline/testing/fake_source.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

std::string FakeEvent(const LedgerKey& object, uint64_t row, size_t index, char letter) {
  return StrCat("{\"id\":\"", object.object, "@", object.version, object.config, "/", row, ".",
                index, "\",\"is\":\"", std::string_view(&letter, 1), "\"}");
}

Counts FakeCounts(const FakeObject& object, uint64_t end, bool whole_rows) {
  Counts counts{.read = end};
  for (uint64_t row = 0; row < end; ++row) {
    const std::string& letters = object.rows[row];
    counts.filtered += letters == "f";
    const bool has_x = letters.find('x') != std::string::npos;
    counts.rejected += letters == "r" || has_x || letters.find('y') != std::string::npos;
    if (!(has_x && whole_rows)) {
      counts.events += std::count(letters.begin(), letters.end(), 'a');
    }
  }
  counts.accepted = counts.read - counts.rejected - counts.filtered;
  return counts;
}

FakeSource::~FakeSource() {
  if (entry_ == nullptr || given_) return;
  LedgerEntry entry = *entry_;
  ledger_.Release(entry, {}).IgnoreError();
}

const FakeObject* FakeSource::TakeObject() {
  if (next_object_ < objects_.size()) return &objects_[next_object_++];
  absl::MutexLock lock(&mutex_);
  if (lost_.empty()) return nullptr;
  const LedgerKey key = std::move(lost_.front());
  lost_.pop_front();
  const auto object = std::find_if(objects_.begin(), objects_.end(),
                                   [&](const FakeObject& o) { return o.key == key; });
  return &*object;
}

absl::Status FakeSource::Claim(const std::stop_token& stop) {
  const FakeObject* object = TakeObject();
  if (object == nullptr) return absl::OkStatus();
  const ClaimRequest request{object->key, owner_, object->rows.size(), lease_};
  ASSIGN_OR_RETURN(Ledger::Claim claim, ledger_.ClaimObject(request, stop));
  while (claim.outcome == Ledger::Claim::Outcome::kUncommitted && resolve_intent_) {
    RETURN_IF_ERROR(resolve_intent_(claim.entry.intent, stop));
    ASSIGN_OR_RETURN(claim, ledger_.ClaimObject(request, stop));
  }
  if (claim.outcome != Ledger::Claim::Outcome::kClaimed) return absl::OkStatus();
  entry_ = std::make_shared<const LedgerEntry>(std::move(claim.entry));
  object_ = object;
  row_ = entry_->position.row;
  given_ = false;
  absl::MutexLock lock(&mutex_);
  ++in_progress_;
  return absl::OkStatus();
}

bool FakeSource::AwaitLost(const std::stop_token& stop) {
  // The mutex looks at conditions when it is released.
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  const auto changed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop.stop_requested() || !lost_.empty() || in_progress_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&changed));
  return in_progress_ > 0 || !lost_.empty();
}

bool FakeSource::Ready() {
  if (entry_ != nullptr || next_object_ < objects_.size()) return true;
  absl::MutexLock lock(&mutex_);
  return !lost_.empty() || in_progress_ == 0;
}

absl::StatusOr<std::unique_ptr<Chunk>> FakeSource::Next(std::stop_token stop) {
  if (entry_ == nullptr) {
    if (next_object_ == objects_.size() && !AwaitLost(stop)) return nullptr;
    if (stop.stop_requested()) return StopRequested();
    RETURN_IF_ERROR(Claim(stop));
    if (entry_ == nullptr) return std::make_unique<Chunk>();
  }
  if (stop.stop_requested()) return StopRequested();
  return ReadChunk();
}

std::unique_ptr<Chunk> FakeSource::ReadChunk() {
  const FakeObject& object = *object_;
  given_ = true;
  auto chunk = std::make_unique<Chunk>();
  chunk->object = entry_;
  chunk->first_row = row_;
  const absl::Status fault = read_fault_ ? read_fault_(object, row_) : absl::OkStatus();
  if (!fault.ok()) {
    chunk->after = {.row = row_, .byte = 10 * row_};
    chunk->last = true;
    chunk->error = fault;
    entry_.reset();
    return chunk;
  }
  chunk->rows = std::min<uint64_t>(chunk_rows_, object.rows.size() - row_);
  if (chunk->rows > 0) {
    auto payload = std::make_unique<FakePayload>();
    payload->rows.assign(object.rows.begin() + row_, object.rows.begin() + row_ + chunk->rows);
    chunk->payload = std::move(payload);
  }
  row_ += chunk->rows;
  chunk->after = {.row = row_, .byte = 10 * row_};
  // The end shows only when nothing more is read, as with a stream: a last chunk without rows.
  if (chunk->rows < chunk_rows_) {
    chunk->last = true;
    chunk->error = object.error;
    entry_.reset();
  }
  return chunk;
}

void FakeSource::Ack(const LedgerEntry& object) {
  absl::MutexLock lock(&mutex_);
  confirmed_.push_back(object.key);
  --in_progress_;
}

void FakeSource::Release(const LedgerEntry& object, Unfinished why) {
  absl::MutexLock lock(&mutex_);
  given_up_.push_back(object.key);
  --in_progress_;
  if (why == Unfinished::kTakenOver) lost_.push_back(object.key);
}

void FakeTransform::Begin(Chunk& chunk) {
  chunk_ = &chunk;
  next_ = 0;
}

bool FakeTransform::Next(size_t max_bytes, Transformed& out) {
  const auto& payload = static_cast<const FakePayload&>(*chunk_->payload);
  const size_t before = out.batch.bytes.size() + 100 * out.rejections.size();
  while (next_ < chunk_->rows) {
    if (out.batch.bytes.size() + 100 * out.rejections.size() - before >= max_bytes) return false;
    Add(chunk_->first_row + next_, payload.rows[next_], out);
    ++next_;
  }
  return true;
}

void FakeTransform::Add(uint64_t row, const std::string& letters, Transformed& out) const {
  if (letters == "f") {
    ++out.filtered;
  } else if (letters == "r") {
    out.rejections.push_back({.source_row = row,
                              .code = "invalid_value",
                              .message = "the row says so",
                              .payload_before = letters});
  } else {
    for (size_t index = 0; index < letters.size(); ++index) {
      out.batch.bytes.Append(FakeEvent(chunk_->object->key, row, index, letters[index]));
      out.batch.EndRow(row);
    }
  }
}

}  // namespace millrace
