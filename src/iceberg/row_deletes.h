// The rows that delete files remove from data files (Iceberg specification, "Delete Formats").
#ifndef MILLRACE_ICEBERG_ROW_DELETES_H_
#define MILLRACE_ICEBERG_ROW_DELETES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/hash.h"
#include "formats/value.h"
#include "iceberg/table_files.h"

namespace millrace {

inline constexpr size_t kMaxDeletedRows = 32 << 20;  // of a snapshot, for each kind of delete

// Position deletes of one snapshot: rows of data files by number. Not thread-safe.
class PositionDeletes {
 public:
  // Reads a position delete file (Parquet, columns file_path and pos) that was committed with the
  // sequence number `sequence`. ResourceExhausted above kMaxDeletedRows; DataLoss for damaged
  // files.
  absl::Status Add(const StoredObject& file, int64_t sequence);

  // Sorted rows of the data file `path` (as in the table) that are deleted with the sequence number
  // `sequence` or later; null if there are none.
  std::shared_ptr<const std::vector<uint64_t>> Of(std::string_view path, int64_t sequence) const;

  bool empty() const { return rows_ == 0; }

 private:
  struct Deleted {
    uint64_t row;
    int64_t sequence;
  };
  std::map<std::string, std::vector<Deleted>, std::less<>> files_;
  size_t rows_ = 0;
};

// Equality deletes on the same columns: keys of deleted rows, each with the sequence number of its
// latest delete. Filled first; then thread-safe.
class EqualityDeletes {
 public:
  explicit EqualityDeletes(std::vector<int32_t> column_ids) : column_ids_(std::move(column_ids)) {}

  const std::vector<int32_t>& column_ids() const { return column_ids_; }

  // Reads an equality delete file (Parquet with field ids). `left` is how many more keys may be
  // kept; it is decreased.
  absl::Status Add(const StoredObject& file, int64_t sequence, size_t& left);

  // True if a row with these values, one per column id, of a data file with the sequence number
  // `data_sequence` is deleted: an equal key was deleted later. Nulls equal nulls.
  bool Drops(absl::Span<const Value> values, int64_t data_sequence) const;

 private:
  struct HashOfHash {
    size_t operator()(const Hash128& hash) const { return static_cast<size_t>(hash.low); }
  };

  const std::vector<int32_t> column_ids_;
  absl::flat_hash_map<Hash128, int64_t, HashOfHash> keys_;
};

}  // namespace millrace

#endif  // MILLRACE_ICEBERG_ROW_DELETES_H_
