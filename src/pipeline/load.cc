#include "pipeline/load.h"

#include <string>
#include <utility>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMostKeptBytes = 8 << 20;

size_t Memory(const Rejection& rejection) {
  return sizeof(Rejection) + rejection.message.size() + rejection.payload_before.size() +
         rejection.payload_after.size();
}

// Source rows of which there are events in [first, first + events); nullopt if one is not of
// [begin, end) or they are out of order.
std::optional<uint64_t> CountSourceRows(const Batch& batch, size_t first, size_t events,
                                        uint64_t begin, uint64_t end) {
  uint64_t rows = 0;
  for (size_t i = first; i < first + events; ++i) {
    const uint64_t row = batch.source_rows[i];
    if (row < begin || row >= end) return std::nullopt;
    if (i == first || row != batch.source_rows[i - 1]) {
      if (i != first && row < batch.source_rows[i - 1]) return std::nullopt;
      ++rows;
    }
  }
  return rows;
}

}  // namespace

absl::Status Load::Add(ChunkReader::Taken taken, Transform& transform) {
  Chunk& chunk = *taken.chunk;
  Part part;
  part.ticket = std::move(taken.ticket);
  part.first_event = content_.batch.rows();
  part.first_rejection = content_.rejections.size();
  const uint64_t filtered_before = content_.filtered;
  if (chunk.rows > 0) transform.Apply(chunk, content_);
  part.events = content_.batch.rows() - part.first_event;
  part.rejections = content_.rejections.size() - part.first_rejection;
  for (const Rejection& rejection : rejections(part)) rejection_bytes_ += Memory(rejection);
  peak_memory_ = memory() + (chunk.payload != nullptr ? chunk.payload->memory() : 0);

  const uint64_t filtered = content_.filtered - filtered_before;
  const std::optional<uint64_t> sent = CountSourceRows(
      content_.batch, part.first_event, part.events, chunk.first_row, chunk.after.row);
  if (!sent.has_value() || *sent + part.rejections + filtered != chunk.rows) {
    return absl::InternalError(StrCat("the transform did not account for each of the rows ",
                                      chunk.first_row, " to ", chunk.after.row, " of ",
                                      part.ticket.object->key().object));
  }
  part.counts = {.read = chunk.rows,
                 .accepted = *sent,
                 .rejected = part.rejections,
                 .filtered = filtered,
                 .events = part.events};
  parts_.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Load::Refuse(const std::vector<RefusedRow>& refused) {
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

void Load::clear() {
  parts_.clear();
  content_.clear();
  if (content_.batch.bytes.capacity() > kMostKeptBytes) content_ = Transformed();
  rejection_bytes_ = 0;
  peak_memory_ = 0;
}

}  // namespace millrace
