// Reads a remote object in blocks, several at once, ahead of their use, in bounded memory.
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
  uint64_t memory = 48 << 20;  // of all blocks; more if each range needs three blocks of min_block
  int fetches = 4;             // in flight at once
};

// Thread-safe. Its own threads fetch; they are started when there is work.
class ReadAhead {
 public:
  // Fills `to` with the bytes at `offset`. Called from several threads; returns soon after a stop.
  using Fetch = std::function<absl::Status(uint64_t offset, absl::Span<char> to, std::stop_token)>;

  // Of an object of `size` bytes, read front to back unless WillRead() says otherwise.
  ReadAhead(uint64_t size, Fetch fetch, ReadAheadOptions options = {});
  ~ReadAhead();  // stops fetches in flight

  // As ObjectReader::ReadAt. An error comes from a fetch; a later call tries again.
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to);

  // Ends fetches in flight; reads that wait for them return Cancelled.
  void Stop() { stop_.request_stop(); }

  // As ObjectReader::WillRead.
  void WillRead(absl::Span<const ByteRange> ranges);

 private:
  struct Block {
    uint64_t offset = 0;
    size_t size = 0;
    std::unique_ptr<char[]> bytes;
    bool ready = false;  // `bytes` or `status` is set and no longer changes
    absl::Status status;
    uint64_t used = 0;  // when; 0: not yet
  };
  using BlockPtr = std::shared_ptr<Block>;

  // A range that is read front to back, and its current place.
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
  std::vector<Range> ranges_ ABSL_GUARDED_BY(mutex_);  // by place, not overlapping
  uint64_t block_size_ ABSL_GUARDED_BY(mutex_);
  uint64_t max_blocks_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, BlockPtr> blocks_ ABSL_GUARDED_BY(mutex_);  // by offset / block_size_
  std::deque<BlockPtr> queue_ ABSL_GUARDED_BY(mutex_);  // to be fetched, blocks needed now first
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // threads without work
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::stop_source stop_;
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_STORES_READ_AHEAD_H_
