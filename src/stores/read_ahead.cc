#include "stores/read_ahead.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace millrace {
namespace {

// Bytes that must be read in sequence before blocks are fetched ahead without a hint: reading the
// head of a file, or its footer, costs one block.
constexpr uint64_t kMinRun = 64 << 10;

}  // namespace

ReadAhead::ReadAhead(uint64_t size, Fetch fetch, ReadAheadOptions options)
    : size_(size),
      fetch_(std::move(fetch)),
      options_(options),
      ranges_({{0, size, 0, 0}}),
      block_size_(options.max_block),
      max_blocks_(std::max<uint64_t>(options.memory / options.max_block, 2)) {}

ReadAhead::~ReadAhead() {
  std::vector<std::jthread> threads;  // joins after the stop
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
    threads.swap(threads_);
  }
  stop_.request_stop();
}

void ReadAhead::WillRead(absl::Span<const ByteRange> ranges) {
  absl::MutexLock lock(&mutex_);
  std::vector<Range> plan;
  for (const ByteRange& range : ranges) {
    if (range.offset >= size_ || range.size == 0) continue;
    const uint64_t end = range.offset + std::min(range.size, size_ - range.offset);
    plan.push_back({range.offset, end, range.offset, 0});
  }
  if (plan.empty()) return;
  std::sort(plan.begin(), plan.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < plan.size(); ++i)
    plan[i - 1].end = std::min(plan[i - 1].end, plan[i].begin);
  planned_ = true;
  ranges_ = std::move(plan);

  // A range has one block in use, one in flight, and one that it shares with its neighbour.
  const uint64_t min_memory = 3 * ranges_.size() * options_.min_block;
  const uint64_t memory = std::max(options_.memory, min_memory);
  uint64_t block_size = options_.max_block;
  if (CountBlocks(block_size) >= memory / block_size) {  // not all of it is held at once:
    block_size = std::clamp(memory / (3 * ranges_.size()), options_.min_block, block_size);
  }
  if (block_size != block_size_) {
    block_size_ = block_size;
    blocks_.clear();
    // Some thread waits for the used ones.
    queue_.erase(std::remove_if(queue_.begin(), queue_.end(),
                                [](const BlockPtr& block) { return block->used == 0; }),
                 queue_.end());
  }
  max_blocks_ = std::max<uint64_t>(memory / block_size_, 2);
  FetchAhead();
}

uint64_t ReadAhead::CountBlocks(uint64_t block_size) const {
  uint64_t count = 0;
  uint64_t next = 0;  // index of the first block not counted
  for (const Range& range : ranges_) {
    if (range.begin == range.end) continue;
    const uint64_t first = std::max(next, range.begin / block_size);
    const uint64_t end = (range.end - 1) / block_size + 1;
    if (end > first) count += end - first;
    next = std::max(next, end);
  }
  return count;
}

absl::StatusOr<size_t> ReadAhead::ReadAt(uint64_t offset, absl::Span<char> to) {
  if (offset >= size_) return 0;
  const uint64_t end = offset + std::min<uint64_t>(size_ - offset, to.size());
  size_t done = 0;
  while (offset + done < end) {
    const uint64_t at = offset + done;
    BlockPtr block;
    {
      absl::MutexLock lock(&mutex_);
      const uint64_t index = at / block_size_;
      block = Need(index);
      // The blocks of a long read are fetched in parallel.
      const uint64_t last = std::min((end - 1) / block_size_, index + max_blocks_ / 2);
      for (uint64_t other = index + 1; other <= last; ++other) Need(other);
      AwaitReady(index, *block);
    }
    RETURN_IF_ERROR(block->status);
    const auto begin = static_cast<size_t>(at - block->offset);
    const auto size = static_cast<size_t>(std::min<uint64_t>(block->size - begin, end - at));
    std::memcpy(to.data() + done, block->bytes.get() + begin, size);
    done += size;
    absl::MutexLock lock(&mutex_);
    if (NotePlace(at, at + size)) FetchAhead();
  }
  return done;
}

// The block; if it is missing, it is fetched before others.
ReadAhead::BlockPtr ReadAhead::Need(uint64_t index) {
  const auto found = blocks_.find(index);
  BlockPtr block = found != blocks_.end() ? found->second : nullptr;
  if (block == nullptr) {
    (void)MakeRoom(/*urgent=*/true);
    block = Add(index);
  }
  if (block->used == 0 && !block->ready) {
    const auto queued = std::find(queue_.begin(), queue_.end(), block);
    if (queued != queue_.end()) {
      queue_.erase(queued);
      queue_.insert(std::find_if(queue_.begin(), queue_.end(),
                                 [](const BlockPtr& other) { return other->used == 0; }),
                    block);
    }
  }
  block->used = ++uses_;
  return block;
}

ReadAhead::BlockPtr ReadAhead::Add(uint64_t index) {
  auto block = std::make_shared<Block>();
  block->offset = index * block_size_;
  block->size = static_cast<size_t>(std::min(block_size_, size_ - block->offset));
  blocks_[index] = block;
  queue_.push_back(block);
  StartThread();
  return block;
}

// A block that failed is removed: the next reader tries again.
void ReadAhead::AwaitReady(uint64_t index, Block& block) {
  mutex_.Await(absl::Condition(&block.ready));
  if (block.status.ok()) return;
  const auto found = blocks_.find(index);
  if (found != blocks_.end() && found->second.get() == &block) blocks_.erase(found);
}

// Records what was read; true if it is time to read ahead.
bool ReadAhead::NotePlace(uint64_t begin, uint64_t end) {
  bool look = !planned_;
  for (Range& range : ranges_) {
    if (begin >= range.end || end <= range.begin) continue;
    const uint64_t place = std::min(end, range.end);
    look |= place == range.end || place / block_size_ != range.place / block_size_;
    range.run = begin == range.place ? range.run + (end - begin) : end - begin;
    range.place = place;
  }
  return look;
}

// How many blocks after the one being read are needed.
uint64_t ReadAhead::WindowOf(const Range& range) const {
  if (planned_) return std::max<uint64_t>(max_blocks_ / (2 * ranges_.size()), 1);
  if (range.run < kMinRun) return 0;
  return std::min<uint64_t>(1 + range.run / block_size_, static_cast<uint64_t>(options_.fetches));
}

// Fills free memory with the next blocks of the ranges, in turn.
void ReadAhead::FetchAhead() {
  uint64_t window = 0;
  for (const Range& range : ranges_) window = std::max(window, WindowOf(range));
  for (uint64_t ahead = 0; ahead <= window; ++ahead) {
    for (const Range& range : ranges_) {
      const uint64_t index = range.place / block_size_ + ahead;
      if (range.place >= range.end || index * block_size_ >= range.end) continue;
      if (blocks_.find(index) != blocks_.end()) continue;
      if (ahead == 0 && range.run == 0 && !planned_) continue;
      if (!MakeRoom(/*urgent=*/false)) return;
      Add(index);
    }
  }
}

// Frees a block if there is no room for another. False: none can be freed; an urgent fetch may then
// exceed the limit by its size.
bool ReadAhead::MakeRoom(bool urgent) {
  if (blocks_.size() < max_blocks_) return true;
  // First blocks that were read to the end, then the least recently used, then those not used yet.
  const auto rank = [this](const Block& block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::make_pair(IsDone(block) ? 0 : block.used != 0 ? 1 : 2, block.used);
  };
  auto victim = blocks_.end();
  for (auto at = blocks_.begin(); at != blocks_.end(); ++at) {
    const Block& block = *at->second;
    if (!block.ready || (!urgent && !IsDone(block))) continue;
    if (victim == blocks_.end() || rank(block) < rank(*victim->second)) victim = at;
  }
  if (victim == blocks_.end()) return false;
  blocks_.erase(victim);
  return true;
}

// Whether all ranges that cross the block have passed it.
bool ReadAhead::IsDone(const Block& block) const {
  const uint64_t end = block.offset + block.size;
  auto range = std::upper_bound(ranges_.begin(), ranges_.end(), block.offset,
                                [](uint64_t at, const Range& r) { return at < r.end; });
  for (; range != ranges_.end() && range->begin < end; ++range) {
    if (range->place < std::min(range->end, end)) return false;
  }
  return true;
}

void ReadAhead::StartThread() {
  if (static_cast<int>(queue_.size()) <= idle_) return;
  if (static_cast<int>(threads_.size()) == options_.fetches) return;
  threads_.emplace_back([this] { Work(stop_.get_token()); });
  pthread_setname_np(threads_.back().native_handle(), "mr-fetch");
}

void ReadAhead::Work(std::stop_token stop) {
  mutex_.Lock();
  for (;;) {
    ++idle_;
    mutex_.Await(absl::Condition(this, &ReadAhead::HasWork));
    --idle_;
    if (ended_) break;
    const BlockPtr block = std::move(queue_.front());
    queue_.pop_front();
    mutex_.Unlock();
    std::unique_ptr<char[]> bytes(new char[block->size]);
    absl::Status status = fetch_(block->offset, {bytes.get(), block->size}, stop);
    mutex_.Lock();
    block->bytes = std::move(bytes);
    block->status = std::move(status);
    block->ready = true;
  }
  mutex_.Unlock();
}

}  // namespace millrace
