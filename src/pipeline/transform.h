// Turns the rows of a chunk into a batch for the sink, and rejections.
#ifndef MILLRACE_PIPELINE_TRANSFORM_H_
#define MILLRACE_PIPELINE_TRANSFORM_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/batch.h"
#include "pipeline/dead_letter_queue.h"
#include "pipeline/source.h"

namespace millrace {

// The output for rows of one chunk. Every source row is in exactly one of: `batch` (one or more
// events), `rejections`, or `filtered`. A rejected row has no event in `batch`.
struct Transformed {
  Batch batch;
  std::vector<Rejection> rejections;
  uint64_t filtered = 0;

  void clear() {
    batch.clear();
    rejections.clear();
    filtered = 0;
  }
};

// A few rows may become more events than fit into memory, so a chunk is transformed piece by piece.
// One thread at a time: Run() makes one per worker. Neither call can fail: an invalid row becomes a
// rejection.
class Transform {
 public:
  virtual ~Transform() = default;

  // The next calls of Next() are for `chunk`, which has rows and outlives these calls. The rest of
  // an earlier chunk is dropped.
  virtual void Begin(Chunk& chunk) = 0;

  // Appends the output for the next rows of the chunk to `out`: events in the order of their source
  // rows, all events of a row in one call. Returns true once every row of the chunk is accounted
  // for. Returns false when the appended events and rejections, of at least one row, take
  // `max_bytes` or more: call it again.
  virtual bool Next(size_t max_bytes, Transformed& out) = 0;
};

using TransformFactory = std::function<std::unique_ptr<Transform>()>;

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TRANSFORM_H_
