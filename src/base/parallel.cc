#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace millrace {

absl::Status ForEachInParallel(size_t count, size_t threads,
                               const std::function<absl::Status(size_t)>& work) {
  std::atomic<size_t> next = 0;
  absl::Mutex mutex;
  absl::Status status;
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) {
      const absl::Status done = work(i);
      if (done.ok()) continue;
      next = count;
      absl::MutexLock lock(&mutex);
      status.Update(done);
    }
  };
  {
    std::vector<std::jthread> others;
    for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
    run();
  }
  return status;
}

}  // namespace millrace
