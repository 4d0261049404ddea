// Which source rows are settled by a batch, for destinations that keep a cursor.
#ifndef MILLRACE_PIPELINE_SETTLED_RANGES_H_
#define MILLRACE_PIPELINE_SETTLED_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/batch.h"
#include "pipeline/sink.h"

namespace millrace {

// Source rows [first_row, end_row) of a span.
struct SettledRange {
  size_t span = 0;
  uint64_t first_row = 0;
  uint64_t end_row = 0;
  friend bool operator==(const SettledRange&, const SettledRange&) = default;
};

// What `spans` settle, without the source rows of `refused` rows (ascending) and without the spans
// in `fenced` (ascending).
std::vector<SettledRange> SettledRanges(const Batch& batch, absl::Span<const BatchSpan> spans,
                                        absl::Span<const RefusedRow> refused,
                                        absl::Span<const size_t> fenced);

// For each span that is not fenced, its first source row of which a row of the batch is accepted;
// none for spans without one. Such a row is recorded if the batch is, and was not before.
std::vector<SettledRange> Witnesses(const Batch& batch, absl::Span<const BatchSpan> spans,
                                    absl::Span<const RefusedRow> refused,
                                    absl::Span<const size_t> fenced);

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_SETTLED_RANGES_H_
