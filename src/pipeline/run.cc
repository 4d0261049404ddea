#include "pipeline/run.h"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "pipeline/batch_writer.h"
#include "pipeline/chunk_reader.h"
#include "pipeline/concurrency_limiter.h"
#include "pipeline/epoch_committer.h"
#include "pipeline/ledger_recorder.h"
#include "pipeline/publisher.h"
#include "pipeline/run_context.h"
#include "pipeline/taken_chunks.h"
#include "pipeline/write_batch.h"

namespace millrace {
namespace {

size_t MemoryShare(const RunOptions& options) {
  if (options.sharing_runs == nullptr) return options.max_bytes;
  return options.max_bytes / static_cast<size_t>(options.sharing_runs->load());
}

int MaxWrites(const RunParts& parts, const RunOptions& options) {
  if (parts.staging == nullptr) return options.max_writes;
  return std::min(options.max_writes, EpochCommitter::kMaxSinks);
}

// A replacement knows what its sinks have, and makes them.
RunParts WithItsOwnParts(RunParts parts) {
  Replacement* const replacement = parts.replacement;
  if (replacement == nullptr) return parts;
  parts.cursor = replacement;
  parts.make_sink = [replacement] { return replacement->NewSink(); };
  return parts;
}

// One run. Each worker loops: get a permit, take chunks and transform them, write, keep what was
// refused, complete the chunks. A chunk with more output than a batch holds is written batch by
// batch. The recorder advances the ledger up to the first chunk that is not complete. If the
// destination is staged, writes only stage, and the committer makes them visible and advances the
// ledger, by many chunks at once. A run that replaces collects, and the publisher does that for the
// whole object, at the end.
class Delivery {
 public:
  Delivery(const RunParts& parts, const RunOptions& options, RunProgress* progress)
      : context_(WithItsOwnParts(parts), options, progress),
        writes_before_(context_.progress.writes),
        retries_before_(context_.progress.retries),
        write_batch_bytes_(std::min(options.write_batch_bytes, MemoryShare(options) / 8)),
        limiter_(std::min(options.initial_writes, MaxWrites(parts, options)),
                 MaxWrites(parts, options), options.max_bytes, options.sharing_runs),
        recorder_(context_),
        writer_(context_, recorder_, limiter_),
        committer_(parts.staging == nullptr
                       ? nullptr
                       : std::make_unique<EpochCommitter>(context_, recorder_)),
        publisher_(parts.replacement == nullptr ? nullptr
                                                : std::make_unique<Publisher>(context_, recorder_)),
        reader_(context_, recorder_, committer_.get(), publisher_.get()) {}

  RunReport Run(std::stop_token stop);

 private:
  // Requested when workers must not continue with what they have taken.
  std::stop_token WorkStop() const {
    return committer_ == nullptr ? context_.stop_source.token() : committer_->stop();
  }
  void Work(Transform& transform, Sink& sink);
  absl::Status Carry(WriteBatch& write_batch, TakenChunks& rest, Transform& transform, Sink& sink,
                     ConcurrencyLimiter::Permit& permit);
  bool BeginNext(WriteBatch& write_batch, TakenChunks& rest, Transform& transform);
  absl::Status Fill(WriteBatch& write_batch, TakenChunks& rest, Transform& transform,
                    ConcurrencyLimiter::Permit& permit);
  bool IsSmall(const WriteBatch& write_batch) const;
  ChunkReader::Room RoomIn(const WriteBatch& write_batch) const;
  absl::Status Deliver(WriteBatch& write_batch, Sink& sink);
  void Complete(WriteBatch::Part& part);
  absl::Status KeepRejected(const WriteBatch& write_batch, const WriteBatch::Part& part);
  RunReport Report();

  RunContext context_;
  const uint64_t writes_before_;
  const uint64_t retries_before_;
  const size_t write_batch_bytes_;
  ConcurrencyLimiter limiter_;
  LedgerRecorder recorder_;
  BatchWriter writer_;
  const std::unique_ptr<EpochCommitter> committer_;  // of a staged destination, else null
  const std::unique_ptr<Publisher> publisher_;       // of a run that replaces, else null
  ChunkReader reader_;
};

RunReport Delivery::Run(std::stop_token stop) {
  std::stop_callback close_limiter(context_.stop_source.token(), [this] { limiter_.Close(); });
  std::stop_callback stop_source(stop, [this] {
    context_.stop_source.RequestStop(absl::CancelledError("a stop was requested"));
  });
  std::vector<std::jthread> workers;
  while (limiter_.AwaitRoomFor(static_cast<int>(workers.size()))) {
    workers.emplace_back(
        [this, name = StrCat("mr-write-", workers.size()),
         transform = context_.parts.make_transform(),
         sink = committer_ == nullptr ? context_.parts.make_sink() : committer_->NewSink()] {
          pthread_setname_np(pthread_self(), name.c_str());
          Work(*transform, *sink);
        });
  }
  workers.clear();  // joins
  reader_.Close();
  if (committer_ != nullptr) committer_->Close();
  return Report();
}

void Delivery::Work(Transform& transform, Sink& sink) {
  WriteBatch write_batch;
  TakenChunks rest;
  while (std::optional<ConcurrencyLimiter::Permit> permit = limiter_.Enter()) {
    do {
      const absl::Status status = Carry(write_batch, rest, transform, sink, *permit);
      if (!status.ok()) context_.stop_source.RequestStop(status);
      write_batch.clear();
    } while (!rest.empty() && !WorkStop().stop_requested());
  }
}

// Takes one chunk, from `rest` first, and delivers it and the small ones that are joined with it.
absl::Status Delivery::Carry(WriteBatch& write_batch, TakenChunks& rest, Transform& transform,
                             Sink& sink, ConcurrencyLimiter::Permit& permit) {
  // The source may wait for batches that other workers have not written yet, and so may a commit.
  permit.SetAwaitsInput(true);
  if (rest.empty()) rest.Add(reader_.Take(RoomIn(write_batch), context_.options.linger));
  if (!rest.empty() && committer_ != nullptr) {
    committer_->epochs().AwaitTurn(rest.first_ticket().epoch);
  }
  permit.SetAwaitsInput(false);
  if (rest.empty()) {
    limiter_.Close();
    return absl::OkStatus();
  }
  permit.AwaitTurn();
  if (WorkStop().stop_requested()) return absl::OkStatus();
  if (!BeginNext(write_batch, rest, transform)) return absl::OkStatus();
  for (;;) {
    RETURN_IF_ERROR(Fill(write_batch, rest, transform, permit));
    RETURN_IF_ERROR(Deliver(write_batch, sink));
    if (!write_batch.is_open() || write_batch.parts().back().ticket.object->lost())
      return absl::OkStatus();
    permit.AwaitTurn();
    if (WorkStop().stop_requested()) return absl::OkStatus();
    write_batch.NextBatch();
  }
}

// Begins the first chunk of `rest` that is not dropped. False if there is none, or if it must wait
// for a commit.
bool Delivery::BeginNext(WriteBatch& write_batch, TakenChunks& rest, Transform& transform) {
  for (; !rest.empty(); rest.Pop()) {
    if (committer_ != nullptr) {
      ChunkTicket& ticket = rest.first_ticket();
      const Epochs::Admission admission = committer_->epochs().Begin(ticket.epoch, *ticket.object);
      if (admission == Epochs::Admission::kLater) return false;
      if (admission == Epochs::Admission::kDropped) continue;
    }
    write_batch.Begin(rest.Pop(), transform);
    return true;
  }
  return false;
}

// Fills one batch with the output of the open chunk, and with more chunks while it is small and
// chunks are available in time.
absl::Status Delivery::Fill(WriteBatch& write_batch, TakenChunks& rest, Transform& transform,
                            ConcurrencyLimiter::Permit& permit) {
  Clock& clock = context_.parts.clock;
  const absl::Duration send_at = clock.Elapsed() + context_.options.max_delay;
  for (;;) {
    RETURN_IF_ERROR(write_batch.Fill(write_batch_bytes_, transform));
    permit.Holds(write_batch.memory() + rest.memory(), write_batch.peak_memory() + rest.memory());
    if (write_batch.is_open() || !IsSmall(write_batch)) return absl::OkStatus();
    const absl::Duration left = send_at - clock.Elapsed();
    if (rest.empty() && left > absl::ZeroDuration() && permit.TakeRoom()) {
      rest.Add(reader_.TakeMore(RoomIn(write_batch), left));
      permit.Holds(write_batch.memory() + rest.memory(), write_batch.peak_memory() + rest.memory());
    }
    if (!BeginNext(write_batch, rest, transform)) return absl::OkStatus();
  }
}

bool Delivery::IsSmall(const WriteBatch& write_batch) const {
  return write_batch.records() < context_.options.join_rows &&
         write_batch.memory() < context_.options.join_bytes &&
         write_batch.parts().size() < context_.options.join_rows;
}

// For a small batch.
ChunkReader::Room Delivery::RoomIn(const WriteBatch& write_batch) const {
  const RunOptions& options = context_.options;
  return {.chunks = options.join_rows - write_batch.parts().size(),
          .rows = options.join_rows - write_batch.records(),
          .bytes = options.join_bytes - write_batch.memory()};
}

absl::Status Delivery::Deliver(WriteBatch& write_batch, Sink& sink) {
  if (!write_batch.batch().empty()) {
    RETURN_IF_ERROR(writer_.Write(write_batch, sink, WorkStop()));
  }
  for (WriteBatch::Part& part : write_batch.parts()) {
    if (part.ticket.object->lost()) continue;
    RETURN_IF_ERROR(KeepRejected(write_batch, part));
    if (part.complete) Complete(part);
  }
  return absl::OkStatus();
}

void Delivery::Complete(WriteBatch::Part& part) {
  if (committer_ != nullptr) {
    committer_->Complete(part.ticket, part.counts);
  } else if (publisher_ != nullptr) {
    publisher_->Complete(part.ticket, part.counts);
  } else {
    recorder_.Complete(part.ticket, part.counts);
  }
}

absl::Status Delivery::KeepRejected(const WriteBatch& write_batch, const WriteBatch::Part& part) {
  const LedgerKey& key = part.ticket.object->key();
  for (const absl::Span<const Rejection> rejections :
       {write_batch.rejections(part), absl::MakeConstSpan(part.refused)}) {
    if (rejections.empty()) continue;
    const Rejection& first = rejections.front();
    context_.NoteError(StrCat(RowName(key, first.source_row), ": ", first.message));
    RETURN_IF_ERROR(Annotate(context_.parts.dead_letter.Add(key, rejections),
                             StrCat("storing rejected rows of ", key.object)));
  }
  return absl::OkStatus();
}

RunReport Delivery::Report() {
  RunReport report;
  report.status = context_.stop_source.reason();
  if (report.status.ok()) report.status = reader_.end_status();
  const LedgerRecorder::Totals totals = recorder_.Close(report.status);
  if (report.status.ok()) report.status = context_.stop_source.reason();
  // A stop that came after everything was done has no effect.
  if (absl::IsCancelled(report.status) && totals.counts.pending() == 0 && reader_.HasReadAll()) {
    report.status = absl::OkStatus();
  }
  report.counts = totals.counts;
  report.objects = totals.objects;
  report.objects_done = totals.objects_done;
  report.objects_failed = totals.objects_failed;
  report.objects_lost = totals.objects_lost;
  report.writes = context_.progress.writes - writes_before_;
  report.retries = context_.progress.retries - retries_before_;
  if (!report.status.ok() && !absl::IsCancelled(report.status)) {
    context_.NoteError(std::string(ToStd(report.status.message())));
  }
  report.first_error = context_.first_error();
  return report;
}

}  // namespace

RunReport Run(RunParts parts, const RunOptions& options, std::stop_token stop,
              RunProgress* progress) {
  return Delivery(parts, options, progress).Run(std::move(stop));
}

}  // namespace millrace
