// A thread for what must not hold up the threads that serve connections.
#ifndef MILLRACE_PROXY_BACKGROUND_THREAD_H_
#define MILLRACE_PROXY_BACKGROUND_THREAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace::proxy {

// Thread-safe.
class BackgroundThread {
 public:
  using Task = std::function<void(const std::stop_token&)>;

  // `max_waiting`: tasks beside the one that runs.
  explicit BackgroundThread(size_t max_waiting);
  ~BackgroundThread() { Stop(); }

  // Runs tasks one after another. False: too many wait, or it was stopped.
  bool Post(Task task);
  // Stops the task that runs; those that wait are dropped. Idempotent.
  void Stop();

 private:
  void Work(const std::stop_token& stop);

  const size_t max_waiting_;
  absl::Mutex mutex_;
  std::deque<Task> waiting_ ABSL_GUARDED_BY(mutex_);
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_BACKGROUND_THREAD_H_
