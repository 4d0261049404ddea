#include "pipeline/write_batch.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMaxKeptBytes = 8 << 20;

size_t Memory(const Rejection& rejection) {
  return sizeof(Rejection) + rejection.message.size() + rejection.payload_before.size() +
         rejection.payload_after.size();
}

// The number of source rows that have events in [first, first + events). These rows must be in
// [begin, end) and in order; nullopt if they are not. `begin` becomes the row after the last one.
std::optional<uint64_t> CountSourceRows(const Batch& batch, size_t first, size_t events,
                                        uint64_t& begin, uint64_t end) {
  uint64_t rows = 0;
  for (size_t i = first; i < first + events; ++i) {
    const uint64_t row = batch.source_rows[i];
    if (i != first && row == batch.source_rows[i - 1]) continue;
    if (row < begin || row >= end) return std::nullopt;
    begin = row + 1;
    ++rows;
  }
  return rows;
}

// Removes the events of `rows` from [first, batch.rows()).
void DropEvents(Batch& batch, size_t first, const RowRanges& rows) {
  size_t kept = first;
  size_t end = batch.start(first);
  for (size_t i = first, begin = end; i < batch.rows(); ++i) {
    const size_t next = batch.row_ends[i];
    const uint64_t row = batch.source_rows[i];
    if (!rows.Contains(row)) {
      std::memmove(batch.bytes.data() + end, batch.bytes.data() + begin, next - begin);
      end += next - begin;
      batch.row_ends[kept] = end;
      batch.source_rows[kept] = row;
      ++kept;
    }
    begin = next;
  }
  batch.bytes.Truncate(end);
  batch.row_ends.resize(kept);
  batch.source_rows.resize(kept);
}

}  // namespace

void WriteBatch::Begin(ChunkReader::Taken taken, Transform& transform) {
  chunk_ = std::move(taken.chunk);
  chunk_bytes_ = chunk_->payload != nullptr ? chunk_->payload->memory() : 0;
  next_row_ = chunk_->first_row;
  Part& part = parts_.emplace_back();
  part.ticket = std::move(taken.ticket);
  part.begin_row = part.end_row = chunk_->first_row;
  part.first_event = content_.batch.rows();
  part.first_rejection = content_.rejections.size();
  if (chunk_->rows > 0) transform.Begin(*chunk_);
}

absl::Status WriteBatch::Fill(size_t max_bytes, Transform& transform) {
  Part& part = parts_.back();
  const uint64_t filtered_before = content_.filtered;
  const size_t room = max_bytes - std::min(max_bytes, content_bytes());
  part.complete = chunk_->rows == 0 || transform.Next(std::max<size_t>(1, room), content_);
  part.events = content_.batch.rows() - part.first_event;
  part.rejections = content_.rejections.size() - part.first_rejection;
  for (const Rejection& rejection : rejections(part)) rejection_bytes_ += Memory(rejection);
  RETURN_IF_ERROR(Account(part, content_.filtered - filtered_before));
  part.end_row = part.complete ? chunk_->after.row : next_row_;
  if (const RowRanges& delivered = part.ticket.object->delivered(); !delivered.empty()) {
    DropEvents(content_.batch, part.first_event, delivered);
    part.events = content_.batch.rows() - part.first_event;
  }
  if (part.complete) chunk_.reset();
  return absl::OkStatus();
}

absl::Status WriteBatch::Account(Part& part, uint64_t filtered) {
  const std::optional<uint64_t> sent =
      CountSourceRows(content_.batch, part.first_event, part.events, next_row_, chunk_->after.row);
  Counts& counts = part.counts;
  counts.accepted += sent.value_or(0);
  counts.rejected += part.rejections;
  counts.filtered += filtered;
  counts.events += part.events;
  counts.read = chunk_->rows;
  const uint64_t accounted = counts.accepted + counts.rejected + counts.filtered;
  const bool progressed = part.events > 0 || part.rejections > 0 || filtered > 0;
  if (sent.has_value() &&
      (part.complete ? accounted == chunk_->rows : progressed && accounted <= chunk_->rows)) {
    return absl::OkStatus();
  }
  return absl::InternalError(StrCat("the transform did not account for each of the rows ",
                                    chunk_->first_row, " to ", chunk_->after.row, " of ",
                                    part.ticket.object->key().object));
}

std::vector<BatchSpan> WriteBatch::Spans() const {
  std::vector<BatchSpan> spans;
  for (const Part& part : parts_) {
    const ObjectProgress& object = *part.ticket.object;
    if (!spans.empty() && spans.back().object == &object.key() &&
        spans.back().end_row == part.begin_row) {
      spans.back().rows += part.events;
      spans.back().end_row = part.end_row;
    } else if (part.events > 0) {
      spans.push_back({.object = &object.key(),
                       .writer = &object.writer(),
                       .first = part.first_event,
                       .rows = part.events,
                       .begin_row = part.begin_row,
                       .end_row = part.end_row});
    }
  }
  return spans;
}

void WriteBatch::NoteSent() const {
  for (const Part& part : parts_) {
    if (part.events > 0) part.ticket.object->NoteSent();
  }
}

absl::Status WriteBatch::Refuse(const std::vector<RefusedRow>& refused) {
  const Batch& batch = content_.batch;
  size_t next = 0;
  for (Part& part : parts_) {
    for (; next < refused.size(); ++next) {
      const RefusedRow& row = refused[next];
      if (row.row >= part.first_event + part.events) break;
      if (row.row < part.first_event || (next > 0 && row.row <= refused[next - 1].row)) {
        return absl::InternalError("the sink refused rows out of order");
      }
      --part.counts.events;
      const uint64_t source_row = batch.source_rows[row.row];
      if (!part.refused.empty() && part.refused.back().source_row == source_row) {
        StrAppend(&part.refused.back().payload_after, "\n", batch.row(row.row));
        continue;
      }
      --part.counts.accepted;
      ++part.counts.rejected;
      part.refused.push_back({.source_row = source_row,
                              .code = row.code,
                              .field = row.field,
                              .message = row.message,
                              .payload_after = std::string(batch.row(row.row))});
    }
  }
  if (next < refused.size()) {
    return absl::InternalError(
        StrCat("the sink refused row ", refused[next].row, " of a batch of ", batch.rows()));
  }
  return absl::OkStatus();
}

void WriteBatch::NextBatch() {
  Part part = std::move(parts_.back());
  part.begin_row = part.end_row;
  part.first_event = part.events = part.first_rejection = part.rejections = 0;
  part.refused.clear();
  ClearContent();
  parts_.push_back(std::move(part));
}

void WriteBatch::clear() {
  ClearContent();
  chunk_.reset();
  chunk_bytes_ = 0;
}

void WriteBatch::ClearContent() {
  parts_.clear();
  content_.clear();
  if (content_.batch.bytes.capacity() > kMaxKeptBytes) content_ = Transformed();
  rejection_bytes_ = 0;
}

}  // namespace millrace
