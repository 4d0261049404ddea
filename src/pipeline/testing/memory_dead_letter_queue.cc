#include "pipeline/testing/memory_dead_letter_queue.h"

#include <algorithm>

namespace millrace {

absl::Status MemoryDeadLetterQueue::Add(const LedgerKey& object,
                                        absl::Span<const Rejection> rejections) {
  absl::MutexLock lock(&mutex_);
  std::vector<Rejection>& kept = objects_[object].rejections;
  kept.insert(kept.end(), rejections.begin(), rejections.end());
  return absl::OkStatus();
}

absl::Status MemoryDeadLetterQueue::Sync(const LedgerKey& object) {
  absl::MutexLock lock(&mutex_);
  Records& records = objects_[object];
  records.synced = records.rejections.size();
  return absl::OkStatus();
}

absl::Status MemoryDeadLetterQueue::RemoveRows(const LedgerKey& object, uint64_t begin,
                                               uint64_t end) {
  absl::MutexLock lock(&mutex_);
  Records& records = objects_[object];
  std::erase_if(records.rejections, [begin, end](const Rejection& rejection) {
    return rejection.source_row >= begin && rejection.source_row < end;
  });
  records.synced = records.rejections.size();
  return absl::OkStatus();
}

void MemoryDeadLetterQueue::Crash() {
  absl::MutexLock lock(&mutex_);
  for (auto& [key, records] : objects_) records.rejections.resize(records.synced);
}

std::vector<Rejection> MemoryDeadLetterQueue::Durable(const LedgerKey& object) const {
  absl::MutexLock lock(&mutex_);
  const auto found = objects_.find(object);
  if (found == objects_.end()) return {};
  const Records& records = found->second;
  return {records.rejections.begin(), records.rejections.begin() + records.synced};
}

std::vector<LedgerKey> MemoryDeadLetterQueue::Objects() const {
  absl::MutexLock lock(&mutex_);
  std::vector<LedgerKey> keys;
  for (const auto& [key, records] : objects_) {
    if (records.synced > 0) keys.push_back(key);
  }
  return keys;
}

}  // namespace millrace
