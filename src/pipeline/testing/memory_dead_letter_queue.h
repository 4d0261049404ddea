// A DeadLetterQueue in memory that can forget, as a crash does, what was not synced.
#ifndef MILLRACE_PIPELINE_TESTING_MEMORY_DEAD_LETTER_QUEUE_H_
#define MILLRACE_PIPELINE_TESTING_MEMORY_DEAD_LETTER_QUEUE_H_

#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/dead_letter_queue.h"

namespace millrace {

class MemoryDeadLetterQueue : public DeadLetterQueue {
 public:
  absl::Status Add(const LedgerKey& object, absl::Span<const Rejection> rejections) override;
  absl::Status Sync(const LedgerKey& object) override;
  absl::Status RemoveRows(const LedgerKey& object, uint64_t begin, uint64_t end) override;

  void Crash();

  // What is durable, in the order of adding.
  std::vector<Rejection> Durable(const LedgerKey& object) const;
  // All keys with anything durable.
  std::vector<LedgerKey> Objects() const;

 private:
  struct Records {
    std::vector<Rejection> rejections;
    size_t synced = 0;
  };
  mutable absl::Mutex mutex_;
  std::map<LedgerKey, Records> objects_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_TESTING_MEMORY_DEAD_LETTER_QUEUE_H_
