#include "pipeline/chunk_reader.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {

std::optional<ChunkReader::Taken> ChunkReader::TakeInTurn(bool may_wait) {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        this, may_wait ? &ChunkReader::TurnIsFree : &ChunkReader::TurnIsFreeOrIdle));
    if (reading_ || ended_) return std::nullopt;
    reading_ = true;
  }
  bool ended = false;
  absl::StatusOr<std::optional<Taken>> taken = Read(may_wait, ended);

  absl::MutexLock lock(&mutex_);
  reading_ = false;
  waiting_ = false;
  ended_ = ended || !taken.ok();
  end_status_ = taken.status();
  return taken.ok() ? *std::move(taken) : std::nullopt;
}

absl::StatusOr<std::optional<ChunkReader::Taken>> ChunkReader::Read(bool may_wait, bool& ended) {
  Source& source = context_.parts.source;
  for (;;) {
    if (context_.halt.requested()) return context_.halt.reason();
    if (!source.Ready()) {
      if (!may_wait) return std::nullopt;
      absl::MutexLock lock(&mutex_);
      waiting_ = true;
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Chunk> chunk, source.Next(context_.halt.token()));
    if (chunk == nullptr) {
      if (context_.halt.requested()) return context_.halt.reason();
      if (entry_ != nullptr) {
        return absl::InternalError(
            StrCat("the source ended inside ", entry_->key.object, ", without its last chunk"));
      }
      ended = true;
      return std::nullopt;
    }
    ASSIGN_OR_RETURN(ChunkTicket ticket, Register(*chunk));
    if (ticket.object->lost()) continue;
    context_.progress.rows_read += chunk->rows;
    return Taken{std::move(chunk), std::move(ticket)};
  }
}

absl::StatusOr<ChunkTicket> ChunkReader::Register(const Chunk& chunk) {
  const LedgerKey& key = chunk.object->key;
  if (entry_ == nullptr) {
    entry_ = chunk.object;
    object_ = std::make_shared<ObjectProgress>(*entry_, context_.parts.clock.Elapsed());
    RETURN_IF_ERROR(recorder_.Open(object_, entry_->position.row));
  } else if (entry_ != chunk.object) {
    return absl::InternalError(
        StrCat("the source gave rows of ", key.object, " within ", entry_->key.object));
  }
  if (chunk.first_row != object_->next_row() || chunk.after.row != chunk.first_row + chunk.rows) {
    return absl::InternalError(StrCat("the source gave rows ", chunk.first_row, " to ",
                                      chunk.after.row, " of ", key.object, " where row ",
                                      object_->next_row(), " was due"));
  }
  if (!chunk.error.ok() && !chunk.last) {
    return absl::InternalError(StrCat("the source gave an error within ", key.object));
  }
  ChunkTicket ticket{object_, object_->Begin(chunk)};
  if (chunk.last) {
    entry_.reset();
    object_.reset();
  }
  return ticket;
}

}  // namespace millrace
