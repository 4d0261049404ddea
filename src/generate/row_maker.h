// The source of rows of sample data.
#ifndef MILLRACE_GENERATE_ROW_MAKER_H_
#define MILLRACE_GENERATE_ROW_MAKER_H_

#include <cstdint>

#include "absl/types/span.h"
#include "formats/output_column.h"
#include "formats/value.h"

namespace millrace {

// Row numbers to rows. One thread at a time.
class RowMaker {
 public:
  virtual ~RowMaker() = default;
  virtual absl::Span<const OutputColumn> columns() const = 0;
  // One cell per column, of its type or null; valid until the next call. A row depends on its
  // number only, but consecutive numbers are the fastest.
  virtual absl::Span<const Value> Make(uint64_t row) = 0;
};

}  // namespace millrace

#endif  // MILLRACE_GENERATE_ROW_MAKER_H_
