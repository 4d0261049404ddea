// What one process has staged since the last commit, by partition: rows in memory, and
// blocks of them in a scratch file.
#ifndef MILLRACE_DATA_FILES_PARTITIONS_H_
#define MILLRACE_DATA_FILES_PARTITIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/byte_buffer.h"
#include "base/pool.h"
#include "data_files/block_coder.h"
#include "data_files/file_layout.h"
#include "data_files/row_encoder.h"
#include "io/scratch_file.h"

namespace millrace::data_files {

// Thread-safe.
class Partitions {
 public:
  // Rows in memory, of all partitions, with the room that buffers have. What exceeds them becomes
  // blocks, the largest first.
  static constexpr size_t kMaxMemory = 48 << 20;
  // Rows of one partition become a block when they are as many bytes.
  static constexpr size_t kBlockBytes = 2 << 20;

  // `layout` and `form` outlive it. The scratch file is in the folder `scratch`.
  Partitions(const FileLayout& layout, const TableForm& form, std::string scratch);

  // Returns how many partitions had no rows before.
  absl::StatusOr<size_t> Add(const EncodedRows& rows);

  // One file to be written.
  struct File {
    PathTemplate::Partition partition = 0;
    std::vector<Block> blocks;
    uint64_t rows = 0;
  };
  // Everything that was added, as files of at most layout.file_bytes, unless a block is larger.
  // After an error nothing is lost: call it again.
  absl::StatusOr<std::vector<File>> Take();
  // What was taken is no longer needed. Nothing is added meanwhile.
  void Release();

  // Drops everything that was added.
  void Clear();

  // A coder for one thread. Waits while all are lent.
  std::optional<Pool<BlockCoder>::Loan> Coder() { return coders_.Borrow({}); }

 private:
  struct Partition {
    ByteBuffer bytes;
    uint64_t rows = 0;
    std::vector<Block> blocks;
  };
  // Rows that are to become a block of their partition.
  struct Taken {
    PathTemplate::Partition partition = 0;
    ByteBuffer bytes;
    uint64_t rows = 0;
  };

  void Move(PathTemplate::Partition key, Partition& partition, std::vector<Taken>& to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveLargest(std::vector<Taken>& to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Shrink();
  absl::Status Encode(std::vector<Taken>& taken);

  const FileLayout& layout_;
  ScratchFile scratch_;
  Pool<BlockCoder> coders_;
  absl::Mutex shrinking_;  // while it is held, others wait to add more
  absl::Mutex mutex_;
  absl::flat_hash_map<PathTemplate::Partition, Partition> partitions_ ABSL_GUARDED_BY(mutex_);
  size_t memory_ ABSL_GUARDED_BY(mutex_) = 0;  // with what is being encoded
};

}  // namespace millrace::data_files

#endif  // MILLRACE_DATA_FILES_PARTITIONS_H_
