#include "sandbox/task_threads.h"

#include <pthread.h>

#include <utility>

namespace millrace::sandbox {

TaskThreads::~TaskThreads() {
  {
    absl::MutexLock lock(&mutex_);
    tasks_.clear();
    is_stopping_ = true;
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void TaskThreads::Add(Task task) {
  absl::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size() && threads_.size() < max_) {
    threads_.emplace_back([this](const std::stop_token& stop) { Work(stop); });
  }
}

void TaskThreads::Work(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "sandbox-task");
  absl::MutexLock lock(&mutex_);
  const auto is_wanted = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !tasks_.empty();
  };
  for (;;) {
    ++idle_;
    mutex_.Await(absl::Condition(&is_wanted));
    --idle_;
    if (is_stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    mutex_.Unlock();
    task(stop);
    task = nullptr;
    mutex_.Lock();
  }
}

}  // namespace millrace::sandbox
