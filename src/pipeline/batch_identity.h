// Recognises a batch that is written again.
#ifndef MILLRACE_PIPELINE_BATCH_IDENTITY_H_
#define MILLRACE_PIPELINE_BATCH_IDENTITY_H_

#include "base/batch.h"
#include "base/hash.h"

namespace millrace {

// Equal for batches with the same content from the same source rows, wherever they are in memory.
struct BatchIdentity {
  Hash128 bytes;
  Hash128 row_ends;
  Hash128 source_rows;

  static BatchIdentity Of(const Batch& batch);
  friend bool operator==(const BatchIdentity&, const BatchIdentity&) = default;
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_BATCH_IDENTITY_H_
