// What one worker carries from the source to the sink: chunks, transformed into one batch after
// another.
#ifndef MILLRACE_PIPELINE_WRITE_BATCH_H_
#define MILLRACE_PIPELINE_WRITE_BATCH_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pipeline/chunk_reader.h"
#include "pipeline/sink.h"
#include "pipeline/transform.h"

namespace millrace {

// Small chunks share a batch; a chunk with much output takes several. A row is never split.
class WriteBatch {
 public:
  // One chunk's share of the batch.
  struct Part {
    ChunkTicket ticket;
    // Counts of the chunk so far, including earlier batches. They assume that everything sent is
    // accepted, until Refuse() is called.
    Counts counts;
    bool complete = false;  // the chunk ends with this batch
    // The source rows that this batch settles.
    uint64_t begin_row = 0;
    uint64_t end_row = 0;
    size_t first_event = 0;  // in batch()
    size_t events = 0;
    size_t first_rejection = 0;  // by the transform, see rejections()
    size_t rejections = 0;
    std::vector<Rejection> refused;  // by the sink: one per source row
  };

  // Opens a chunk; no other is open. Fill() adds its output to the batch.
  void Begin(ChunkReader::Taken taken, Transform& transform);

  // Adds to the batch until it reaches `max_bytes` or the open chunk is complete. Events of source
  // rows that are delivered already (ObjectProgress::delivered()) are left out, and count as
  // accepted. Internal if the transform did not account for each row: such a row must not appear as
  // delivered.
  absl::Status Fill(size_t max_bytes, Transform& transform);

  // Whether a chunk was begun that is not complete yet. It is the last part.
  bool is_open() const { return chunk_ != nullptr; }

  // Records that rows of the batch may be at the destination from now on.
  void NoteSent() const;

  // Subtracts the rows that the sink refused from the accepted ones. Internal if they are not rows
  // of the batch in ascending order.
  absl::Status Refuse(const std::vector<RefusedRow>& refused);

  // Where the rows of batch() come from. Adjacent parts of one object are one span. The pointers
  // are valid until the batch changes.
  std::vector<BatchSpan> Spans() const;

  std::vector<Part>& parts() { return parts_; }
  const std::vector<Part>& parts() const { return parts_; }
  const Batch& batch() const { return content_.batch; }
  absl::Span<const Rejection> rejections(const Part& part) const {
    return absl::MakeConstSpan(content_.rejections).subspan(part.first_rejection, part.rejections);
  }

  // Its content: events, and rejections for the dead-letter queue.
  size_t records() const { return content_.batch.rows() + content_.rejections.size(); }
  // Bytes held by the content and the open chunk.
  size_t memory() const { return content_bytes() + (is_open() ? chunk_bytes_ : 0); }
  // The peak of memory() during the last Fill().
  size_t peak_memory() const { return content_bytes() + chunk_bytes_; }

  // Starts an empty batch for the rest of the open chunk.
  void NextBatch();
  // Prepares for the next chunks; drops an open one. Keeps its buffers unless they are large.
  void clear();

 private:
  size_t content_bytes() const { return content_.batch.bytes.size() + rejection_bytes_; }
  absl::Status Account(Part& part, uint64_t filtered);
  void ClearContent();

  std::vector<Part> parts_;
  Transformed content_;
  size_t rejection_bytes_ = 0;
  std::unique_ptr<Chunk> chunk_;  // the open one
  uint64_t next_row_ = 0;         // of the open chunk: no event of a row before it may follow
  size_t chunk_bytes_ = 0;        // of the chunk that was filled last
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_WRITE_BATCH_H_
