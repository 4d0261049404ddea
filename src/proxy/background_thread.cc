#include "proxy/background_thread.h"

#include <pthread.h>

#include <utility>

namespace millrace::proxy {

BackgroundThread::BackgroundThread(size_t max_waiting)
    : max_waiting_(max_waiting), thread_([this](const std::stop_token& stop) { Work(stop); }) {
  pthread_setname_np(thread_.native_handle(), "mr-admin");
}

void BackgroundThread::Stop() {
  std::deque<Task> dropped;
  {
    absl::MutexLock lock(&mutex_);
    is_stopped_ = true;
    dropped.swap(waiting_);
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool BackgroundThread::Post(Task task) {
  absl::MutexLock lock(&mutex_);
  if (is_stopped_ || waiting_.size() >= max_waiting_) return false;
  waiting_.push_back(std::move(task));
  return true;
}

void BackgroundThread::Work(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { absl::MutexLock lock(&mutex_); });
  const auto has_work = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop.stop_requested() || !waiting_.empty();
  };
  for (;;) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_work));
      if (stop.stop_requested()) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task(stop);
  }
}

}  // namespace millrace::proxy
