// Runs what takes too long for a thread of the server.
#ifndef MILLRACE_SANDBOX_TASK_THREADS_H_
#define MILLRACE_SANDBOX_TASK_THREADS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace millrace::sandbox {

// Thread-safe.
class TaskThreads {
 public:
  using Task = std::function<void(std::stop_token)>;

  // As many at a time; others wait for their turn.
  explicit TaskThreads(size_t max) : max_(max) {}
  // Requests a stop, destroys the tasks that wait and returns when the others have ended.
  ~TaskThreads();

  void Add(Task task);

 private:
  void Work(const std::stop_token& stop);

  const size_t max_;
  absl::Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_TASK_THREADS_H_
