#include "export/row_hashes.h"

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "base/status.h"

namespace millrace {
namespace {

static_assert(std::is_trivially_copyable_v<RowHash>);
constexpr size_t kMaxBuffered = (512 << 10) / sizeof(RowHash);

std::string_view BytesOf(const std::vector<RowHash>& rows) {
  return {reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(RowHash)};
}

size_t BucketOf(const Hash128& hash) { return static_cast<size_t>(hash.high >> 56); }

}  // namespace

absl::Status RowHashes::Add(const RowHash& row) {
  buffers_[BucketOf(row.hash)].push_back(row);
  ++rows_;
  return ++buffered_ < kMaxBuffered ? absl::OkStatus() : Flush();
}

// Writes all buckets at once: most are small.
absl::Status RowHashes::Flush() {
  std::vector<RowHash> all;
  all.reserve(buffered_);
  for (const std::vector<RowHash>& rows : buffers_) all.insert(all.end(), rows.begin(), rows.end());
  ASSIGN_OR_RETURN(ScratchFile::Extent rest, file_->Append(BytesOf(all)));
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const uint64_t size = BytesOf(buffers_[bucket]).size();
    if (size == 0) continue;
    extents_[bucket].push_back({{.offset = rest.offset, .size = size}, 0});
    rest.offset += size;
    buffers_[bucket].clear();
  }
  buffered_ = 0;
  return absl::OkStatus();
}

absl::Status RowHashes::Append(RowHashes other) {
  RETURN_IF_ERROR(other.Flush());
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    for (Extent& extent : other.extents_[bucket]) {
      extent.first_row += rows_;
      extents_[bucket].push_back(extent);
    }
  }
  rows_ += other.rows_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RowHash>> RowHashes::ReadSorted(size_t bucket) {
  std::vector<RowHash> rows = buffers_[bucket];
  for (const auto& [extent, first_row] : extents_[bucket]) {
    const size_t begin = rows.size();
    rows.resize(begin + extent.size / sizeof(RowHash));
    RETURN_IF_ERROR(
        file_->Read(extent, 0, {reinterpret_cast<char*>(rows.data() + begin), extent.size}));
    for (size_t i = begin; i < rows.size(); ++i) rows[i].row += first_row;
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace millrace
