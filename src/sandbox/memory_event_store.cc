#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "sandbox/event_store.h"

namespace millrace::sandbox {
namespace {

constexpr size_t kMaxLookedAt = 20'000;  // in one Read()

struct KeyHash {
  size_t operator()(const Hash128& key) const { return key.low; }
};

class MemoryEventStore final : public EventStore {
 public:
  absl::Status Add(absl::Span<const NewEvent> events, int64_t received_ms) override {
    if (events.empty()) return absl::OkStatus();
    Block block;
    block.received_ms = received_ms;
    size_t bytes = 0;
    for (const NewEvent& event : events) bytes += event.json.size();
    block.text.reserve(bytes);
    block.events.reserve(events.size());
    for (const NewEvent& event : events) {
      block.events.push_back({nullptr, block.text.size(), event.json.size(), event.time_ms,
                              event.splices, event.endpoint});
      block.text += event.json;
    }
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < events.size(); ++i) {
      const auto named = totals_.by_event.try_emplace(events[i].name, 0).first;
      ++named->second;
      block.events[i].name = &named->first;
      keys_.insert(events[i].key);
    }
    totals_.stored += events.size();
    totals_.unique = keys_.size();
    block.first_id = last_id_ + 1;
    last_id_ += events.size();
    blocks_.push_back(std::move(block));
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Read(uint64_t after, const EventFilter& filter,
                                const Visitor& visitor) override {
    absl::MutexLock lock(&mutex_);
    auto block = std::upper_bound(
        blocks_.begin(), blocks_.end(), after + 1,
        [](uint64_t id, const Block& candidate) { return id < candidate.first_id; });
    if (block != blocks_.begin()) --block;
    size_t looked_at = 0;
    for (; block != blocks_.end(); ++block) {
      const size_t skipped = after + 1 > block->first_id ? after + 1 - block->first_id : 0;
      for (size_t i = skipped; i < block->events.size(); ++i) {
        const Entry& entry = block->events[i];
        after = block->first_id + i;
        if (Passes(entry, filter) && !visitor(Show(*block, entry, after))) return after;
        if (++looked_at == kMaxLookedAt) return after;
      }
    }
    return after;
  }

  uint64_t last_id() override {
    absl::MutexLock lock(&mutex_);
    return last_id_;
  }

  EventTotals totals() override {
    absl::MutexLock lock(&mutex_);
    return totals_;
  }

  absl::Status Clear() override {
    absl::MutexLock lock(&mutex_);
    blocks_.clear();
    keys_.clear();
    totals_ = {};
    return absl::OkStatus();
  }

 private:
  struct Entry {
    const std::string* name;  // a key of totals_.by_event
    size_t begin;
    size_t size;
    int64_t time_ms;
    Splices splices;
    Endpoint endpoint;
  };
  // The result of one Add().
  struct Block {
    uint64_t first_id = 0;
    int64_t received_ms = 0;
    std::string text;
    std::vector<Entry> events;
  };

  static bool Passes(const Entry& entry, const EventFilter& filter) {
    if (entry.time_ms < filter.from_ms || entry.time_ms >= filter.to_ms) return false;
    return filter.names.empty() ||
           std::find(filter.names.begin(), filter.names.end(), *entry.name) != filter.names.end();
  }

  static StoredEvent Show(const Block& block, const Entry& entry, uint64_t id) {
    return {id,
            *entry.name,
            std::string_view(block.text).substr(entry.begin, entry.size),
            entry.time_ms,
            block.received_ms,
            entry.splices,
            entry.endpoint};
  }

  absl::Mutex mutex_;
  std::deque<Block> blocks_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<Hash128, KeyHash> keys_ ABSL_GUARDED_BY(mutex_);
  EventTotals totals_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<EventStore> NewMemoryEventStore() { return std::make_unique<MemoryEventStore>(); }

}  // namespace millrace::sandbox
