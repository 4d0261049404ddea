#include "pipeline/chunk_reader.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

// False if `taken` fills the room; else reduces it.
bool ChunkReader::Reduce(Room& room, const Taken& taken) {
  const uint64_t rows = taken.chunk->rows;
  const size_t bytes = taken.memory();
  if (room.chunks <= 1 || room.rows <= rows || room.bytes <= bytes) return false;
  --room.chunks;
  room.rows -= rows;
  room.bytes -= bytes;
  return true;
}

std::deque<ChunkReader::Taken> ChunkReader::Take(Room room, absl::Duration linger) {
  std::deque<Taken> taken;
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &ChunkReader::TurnIsFree));
    if (!ahead_.empty()) {
      taken.push_back(std::move(ahead_.front()));
      ahead_.pop_front();
      return taken;
    }
    if (ended_) return taken;
    reading_ = true;
  }
  std::optional<Taken> first = ReadInTurn(/*may_wait=*/true);
  absl::MutexLock lock(&mutex_);
  if (first.has_value()) {
    taken.push_back(*std::move(first));
    if (linger > absl::ZeroDuration() && Reduce(room, taken.back())) {
      for (Taken& more : AskAside(room, /*may_wait=*/true, linger)) {
        taken.push_back(std::move(more));
      }
      return taken;
    }
  }
  reading_ = false;
  return taken;
}

std::deque<ChunkReader::Taken> ChunkReader::TakeMore(const Room& room, absl::Duration wait) {
  Clock& clock = context_.parts.clock;
  const absl::Duration until = clock.Elapsed() + wait;
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(this, &ChunkReader::TurnIsFreeOrIdle), wait);
  if (reading_) return {};
  if (!ahead_.empty()) return std::exchange(ahead_, {});
  if (ended_ || closed_ || !context_.parts.source.Ready()) return {};
  reading_ = true;
  return AskAside(room, /*may_wait=*/false, until - clock.Elapsed());
}

std::deque<ChunkReader::Taken> ChunkReader::AskAside(const Room& room, bool may_wait,
                                                     absl::Duration wait) {
  asked_ = true;
  may_wait_ = may_wait;
  room_ = room;
  if (!aside_.joinable()) aside_ = std::thread([this] { RunReadAside(); });
  const auto answered = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !asked_; };
  mutex_.AwaitWithTimeout(absl::Condition(&answered), wait);
  given_up_ = asked_;
  reading_ = asked_;
  return std::exchange(ahead_, {});
}

void ChunkReader::RunReadAside() {
  pthread_setname_np(pthread_self(), "mr-read");
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ChunkReader::IsAskedOrClosed));
      if (!asked_) return;
    }
    ReadIntoRoom();
    absl::MutexLock lock(&mutex_);
    asked_ = false;
    if (std::exchange(given_up_, false)) reading_ = false;
  }
}

void ChunkReader::ReadIntoRoom() {
  for (;;) {
    bool may_wait;
    {
      absl::MutexLock lock(&mutex_);
      may_wait = may_wait_;
    }
    std::optional<Taken> taken = ReadInTurn(may_wait);
    if (!taken.has_value()) return;
    absl::MutexLock lock(&mutex_);
    ahead_.push_back(*std::move(taken));
    if (!Reduce(room_, ahead_.back()) || given_up_ || closed_) return;
  }
}

void ChunkReader::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  if (aside_.joinable()) aside_.join();
}

std::optional<ChunkReader::Taken> ChunkReader::ReadInTurn(bool may_wait) {
  bool ended = false;
  absl::StatusOr<std::optional<Taken>> taken = Read(may_wait, ended);
  SetWaiting(false);

  absl::MutexLock lock(&mutex_);
  ended_ = ended || !taken.ok();
  end_status_ = taken.status();
  return taken.ok() ? *std::move(taken) : std::nullopt;
}

void ChunkReader::SetWaiting(bool waiting) {
  if (committer_ != nullptr) committer_->epochs().SetWaiting(waiting);
  absl::MutexLock lock(&mutex_);
  waiting_ = waiting;
}

absl::StatusOr<std::optional<ChunkReader::Taken>> ChunkReader::Read(bool may_wait, bool& ended) {
  Source& source = context_.parts.source;
  for (;;) {
    if (context_.stop_source.requested()) return context_.stop_source.reason();
    const bool ready = source.Ready();
    if (!ready && !may_wait) return std::nullopt;
    SetWaiting(!ready);
    ASSIGN_OR_RETURN(std::unique_ptr<Chunk> chunk, source.Next(context_.stop_source.token()));
    if (chunk == nullptr) {
      if (context_.stop_source.requested()) return context_.stop_source.reason();
      if (entry_ != nullptr) {
        return absl::InternalError(
            StrCat("the source ended inside ", entry_->key.object, ", without its last chunk"));
      }
      ended = true;
      return std::nullopt;
    }
    if (chunk->object == nullptr) continue;
    ASSIGN_OR_RETURN(ChunkTicket ticket, Register(*chunk));
    if (ticket.object->lost()) continue;
    if (committer_ != nullptr) RETURN_IF_ERROR(committer_->Add(*chunk, ticket));
    if (publisher_ != nullptr) publisher_->Add(*chunk);
    context_.progress.rows_read += chunk->rows;
    return Taken{std::move(chunk), std::move(ticket)};
  }
}

bool ChunkReader::HasReadAll() {
  {
    absl::MutexLock lock(&mutex_);
    if (ended_ && end_status_.ok()) return true;
  }
  if (entry_ != nullptr || !context_.stop_source.requested()) return false;
  const absl::StatusOr<std::unique_ptr<Chunk>> chunk =
      context_.parts.source.Next(context_.stop_source.token());
  return chunk.ok() && *chunk == nullptr;
}

absl::StatusOr<ChunkTicket> ChunkReader::Register(const Chunk& chunk) {
  const LedgerKey& key = chunk.object->key;
  if (entry_ == nullptr) {
    entry_ = chunk.object;
    // The claim may be old, because opening the object can take long.
    Clock& clock = context_.parts.clock;
    const absl::Duration age = std::max(clock.Now() - entry_->updated, absl::ZeroDuration());
    object_ =
        std::make_shared<ObjectProgress>(*entry_, recorder_.schedule(), clock.Elapsed() - age);
    const uint64_t first_row = entry_->position.row;
    if (publisher_ != nullptr) RETURN_IF_ERROR(publisher_->Begin(object_, first_row));
    RETURN_IF_ERROR(recorder_.Open(object_, first_row));
  } else if (entry_ != chunk.object) {
    return absl::InternalError(
        StrCat("the source returned rows of ", key.object, " within ", entry_->key.object));
  }
  if (chunk.first_row != object_->next_row() || chunk.after.row != chunk.first_row + chunk.rows) {
    return absl::InternalError(StrCat("the source returned rows ", chunk.first_row, " to ",
                                      chunk.after.row, " of ", key.object, " where row ",
                                      object_->next_row(), " was due"));
  }
  if (!chunk.error.ok() && !chunk.last) {
    return absl::InternalError(StrCat("the source returned an error within ", key.object));
  }
  ChunkTicket ticket{.object = object_, .number = object_->Begin(chunk)};
  if (chunk.last) {
    entry_.reset();
    object_.reset();
  }
  return ticket;
}

}  // namespace millrace
