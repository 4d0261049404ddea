// Which rows of a window a destination has got: a sorted file of 128-bit hashes.
#ifndef MILLRACE_EXPORT_DELIVERED_ROWS_H_
#define MILLRACE_EXPORT_DELIVERED_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "export/row_hashes.h"

namespace millrace {

// Rows of a window that are new to a destination.
struct NewRows {
  std::vector<bool> is_new;  // by row number
  uint64_t count = 0;        // of the new ones
  uint64_t delivered = 0;    // rows in the file that was written
};

// Reads the hashes of `before` (no such file: none was delivered) and of `rows`, and writes those
// of both to `after`, durably. A hash that `before` has, or that an earlier row has, is not new,
// except that rows which count each are new as often as they are there more often than before.
// DataLoss: `before` is damaged. 16 bytes a row on disk; memory as for `rows`, and a bit for each
// row.
absl::StatusOr<NewRows> MergeDelivered(const std::string& before, RowHashes& rows,
                                       const std::string& after);

// How many hashes the file has; 0 if there is none.
absl::StatusOr<uint64_t> CountDelivered(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_DELIVERED_ROWS_H_
