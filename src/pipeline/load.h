// What one worker carries from the source to the sink: some chunks, transformed into one batch.
#ifndef MILLRACE_PIPELINE_LOAD_H_
#define MILLRACE_PIPELINE_LOAD_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pipeline/chunk_reader.h"
#include "pipeline/sink.h"
#include "pipeline/transform.h"

namespace millrace {

class Load {
 public:
  // One chunk's share.
  struct Part {
    ChunkTicket ticket;
    Counts counts;           // as if everything sent is accepted, until Refuse()
    size_t first_event = 0;  // in batch()
    size_t events = 0;
    size_t first_rejection = 0;  // by the transform, see rejections()
    size_t rejections = 0;
    std::vector<Rejection> refused;  // by the sink: one for each source row
  };

  // Adds what `taken` becomes. Internal if the transform did not account for each row: such a row
  // must not look delivered.
  absl::Status Add(ChunkReader::Taken taken, Transform& transform);

  // Takes the sink's refusals out of what counts as accepted. Internal if they are not rows of the
  // batch, ascending.
  absl::Status Refuse(const std::vector<RefusedRow>& refused);

  const std::vector<Part>& parts() const { return parts_; }
  const Batch& batch() const { return content_.batch; }
  absl::Span<const Rejection> rejections(const Part& part) const {
    return absl::MakeConstSpan(content_.rejections).subspan(part.first_rejection, part.rejections);
  }

  // What lies in it: events, and rejections for the dead letters.
  size_t records() const { return content_.batch.rows() + content_.rejections.size(); }
  size_t memory() const { return content_.batch.bytes.size() + rejection_bytes_; }
  // The most that was held at once while the last chunk was added.
  size_t peak_memory() const { return peak_memory_; }

  // Ready for the next chunks; keeps its buffers unless they have grown large.
  void clear();

 private:
  absl::Status CheckPart(const Part& part, const Chunk& chunk, uint64_t filtered);

  std::vector<Part> parts_;
  Transformed content_;
  size_t rejection_bytes_ = 0;
  size_t peak_memory_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_LOAD_H_
