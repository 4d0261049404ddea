// Shared by the fuzz targets of row readers: any bytes are read without a crash, the chunk size
// does not change the rows, and reading resumes after any chunk as if it had not stopped.
#ifndef MILLRACE_FUZZ_ROWS_FUZZER_H_
#define MILLRACE_FUZZ_ROWS_FUZZER_H_

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

#include "formats/testing/rows.h"
#include "require.h"

namespace millrace {

inline void CheckRows(const std::string& bytes, const ReadOptions& options,
                      const ChunkLimits& limits) {
  const ReadResult whole = ReadRows(bytes, options, {.rows = 1 << 20, .bytes = 1 << 24});
  const ReadResult parts = ReadRows(bytes, options, limits);
  Require(whole.status.code() != absl::StatusCode::kInternal);
  Require(whole.status.code() == parts.status.code());
  if (!whole.status.ok()) {
    // How much is read of damaged compressed data before the damage shows depends on the steps.
    const size_t common = std::min(whole.rows.size(), parts.rows.size());
    Require(std::equal(whole.rows.begin(), whole.rows.begin() + static_cast<std::ptrdiff_t>(common),
                       parts.rows.begin()));
    return;
  }
  Require(whole.rows == parts.rows);
  Require(whole.bad_raw == parts.bad_raw);
  if (parts.positions.empty()) return;
  const Position from = parts.positions[parts.positions.size() / 2];
  ReadOptions resumed = options;
  resumed.from = from;
  const ReadResult rest = ReadRows(bytes, resumed, limits);
  Require(rest.status.ok());
  Require(rest.rows ==
          std::vector<std::string>(whole.rows.begin() + static_cast<std::ptrdiff_t>(from.row),
                                   whole.rows.end()));
}

}  // namespace millrace

#endif  // MILLRACE_FUZZ_ROWS_FUZZER_H_
