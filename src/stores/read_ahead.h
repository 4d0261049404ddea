// Reads of an object far away: in blocks, some at once, ahead of their use, in bounded memory.
#ifndef MILLRACE_STORES_READ_AHEAD_H_
#define MILLRACE_STORES_READ_AHEAD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "io/object_store.h"

namespace millrace {

struct ReadAheadOptions {
  uint64_t max_block = 4 << 20;   // bytes fetched at once
  uint64_t min_block = 64 << 10;  // when many ranges share the memory
  uint64_t memory = 48 << 20;     // of all blocks; more if each range needs three of the least
  int fetches = 4;                // under way at once
};

// Thread-safe. Threads of its own fetch; they are started when there is work for them.
class ReadAhead {
 public:
  // Fills `to` with the bytes at `offset`. Called on several threads; ends soon after a stop.
  using Fetch = std::function<absl::Status(uint64_t offset, absl::Span<char> to, std::stop_token)>;

  // Of an object of `size` bytes, read front to back unless WillRead() says otherwise.
  ReadAhead(uint64_t size, Fetch fetch, ReadAheadOptions options = {});
  ~ReadAhead();  // stops what is under way

  // As ObjectReader::ReadAt; an error is that of a fetch, and a later call tries anew.
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to);

  // Ends what is under way: reads that wait for it get Cancelled.
  void Stop() { stop_.request_stop(); }

  // As ObjectReader::WillRead.
  void WillRead(absl::Span<const ByteRange> ranges);

 private:
  struct Block {
    uint64_t offset = 0;
    size_t size = 0;
    std::unique_ptr<char[]> bytes;
    bool ready = false;  // `bytes` or `status` are set, and stay as they are
    absl::Status status;
    uint64_t used = 0;  // when; 0: not yet
  };
  using BlockPtr = std::shared_ptr<Block>;

  // A range that is read front to back, and where it has come to.
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t place = 0;
    uint64_t run = 0;  // bytes read up to `place` without a jump
  };

  uint64_t CountBlocks(uint64_t block_size) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  BlockPtr Need(uint64_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  BlockPtr Add(uint64_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitReady(uint64_t index, Block& block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NotePlace(uint64_t begin, uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t WindowOf(const Range& range) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FetchAhead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MakeRoom(bool urgent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsDone(const Block& block) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || ended_; }
  void Work(std::stop_token stop);

  const uint64_t size_;
  const Fetch fetch_;
  const ReadAheadOptions options_;

  absl::Mutex mutex_;
  bool planned_ ABSL_GUARDED_BY(mutex_) = false;       // WillRead() was called
  std::vector<Range> ranges_ ABSL_GUARDED_BY(mutex_);  // by place, apart from each other
  uint64_t block_size_ ABSL_GUARDED_BY(mutex_);
  uint64_t max_blocks_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, BlockPtr> blocks_ ABSL_GUARDED_BY(mutex_);  // by offset / block_size_
  std::deque<BlockPtr> queue_ ABSL_GUARDED_BY(mutex_);           // to be fetched, the needed first
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads without work
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::stop_source stop_;
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_READ_AHEAD_H_
