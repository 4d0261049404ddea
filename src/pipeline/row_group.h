// The rows of a batch that a destination stores all or not at all, because they come from one
// source row.
#ifndef MILLRACE_PIPELINE_ROW_GROUP_H_
#define MILLRACE_PIPELINE_ROW_GROUP_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "base/batch.h"
#include "pipeline/sink.h"

namespace millrace {

// Walks through the groups of a batch, in its order. Without spans, each row stands alone.
class RowGroups {
 public:
  // Both outlive this.
  RowGroups(const Batch& batch, absl::Span<const BatchSpan> spans) : batch_(batch), spans_(spans) {}

  // The next group; empty after the last one.
  RowRange Next();

 private:
  size_t EndOfSpan(size_t row);

  const Batch& batch_;
  const absl::Span<const BatchSpan> spans_;
  size_t next_row_ = 0;
  size_t span_ = 0;
};

// Adds all rows of `group` to `refused`: why.row with `why`, the others because of it.
void RefuseGroup(RowRange group, const RefusedRow& why, std::vector<RefusedRow>& refused);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_ROW_GROUP_H_
