// Row to rows: what a chunk holds becomes a batch that the sink takes, and rejections.
#ifndef MILLRACE_PIPELINE_TRANSFORM_H_
#define MILLRACE_PIPELINE_TRANSFORM_H_

#include <functional>
#include <memory>
#include <vector>

#include "base/batch.h"
#include "pipeline/dead_letter.h"
#include "pipeline/source.h"

namespace millrace {

// What became of one chunk. Every source row is in exactly one of: `batch` (one or more events),
// `rejections`, or `filtered`; a row that is rejected leaves no event in `batch`.
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

// One thread at a time: Run() makes one per worker.
class Transform {
 public:
  virtual ~Transform() = default;
  // Appends what `chunk` becomes to `out`, events in the order of their source rows. Cannot fail:
  // what is wrong with a row is a rejection. Not called for chunks without rows.
  virtual void Apply(Chunk& chunk, Transformed& out) = 0;
};

using TransformFactory = std::function<std::unique_ptr<Transform>()>;

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TRANSFORM_H_
