// Hashes of the rows of one window, on disk, in an order that can be merged with what was
// delivered.
#ifndef MILLRACE_EXPORT_ROW_HASHES_H_
#define MILLRACE_EXPORT_ROW_HASHES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/hash.h"
#include "io/scratch_file.h"

namespace millrace {

struct RowHash {
  Hash128 hash;
  uint64_t row = 0;
  // Whether each repeat of the hash is a row of its own: the row has no $insert_id.
  bool counts_each = false;

  friend bool operator<(const RowHash& a, const RowHash& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.row < b.row;
  }
};

// One thread at a time. Memory: at most about 1 MB while rows are added; one bucket, a 256th of all
// rows, while they are read.
class RowHashes {
 public:
  static constexpr size_t kBuckets = 256;

  // `file` outlives this.
  explicit RowHashes(ScratchFile& file) : file_(&file) {}

  absl::Status Add(const RowHash& row);
  // Adds the rows of `other`, of the same file, after those that are there.
  absl::Status Append(RowHashes other);
  uint64_t rows() const { return rows_; }

  // The rows whose hash begins with the byte `bucket`, sorted.
  absl::StatusOr<std::vector<RowHash>> ReadSorted(size_t bucket);

 private:
  absl::Status Flush();

  struct Extent {
    ScratchFile::Extent extent;
    uint64_t first_row = 0;  // what its row numbers count from
  };

  ScratchFile* file_;
  std::array<std::vector<RowHash>, kBuckets> buffers_;
  std::array<std::vector<Extent>, kBuckets> extents_;
  size_t buffered_ = 0;  // rows
  uint64_t rows_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_EXPORT_ROW_HASHES_H_
