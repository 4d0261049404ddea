#include "staypoints/worker_group.h"

#include <pthread.h>

#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

// The first failure, and the stop that follows from it.
class Failure {
 public:
  explicit Failure(const std::function<void()>& on_failure) : on_failure_(on_failure) {}

  void Set(const absl::Status& status) {
    if (status.ok()) return;
    stop_.request_stop();
    absl::MutexLock lock(&mutex_);
    if (first_.ok() && on_failure_ != nullptr) on_failure_();
    // The status of a stopped worker is not the cause.
    if (first_.ok() || absl::IsCancelled(first_)) first_ = status;
  }
  void RequestStop() { stop_.request_stop(); }
  std::stop_token stop() const { return stop_.get_token(); }
  absl::Status first() {
    absl::MutexLock lock(&mutex_);
    return first_;
  }

 private:
  const std::function<void()>& on_failure_;
  std::stop_source stop_;
  absl::Mutex mutex_;
  absl::Status first_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Guarded(const std::function<absl::Status(size_t, std::stop_token)>& work,
                     size_t worker, std::stop_token stop) {
  try {
    return work(worker, std::move(stop));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory; lower --memory");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace

absl::Status RunWorkers(const std::string& name, size_t workers, std::stop_token stop,
                        const std::function<absl::Status(size_t worker, std::stop_token)>& work,
                        const std::function<void()>& on_failure) {
  Failure failure(on_failure);
  const std::stop_callback forward(stop, [&failure] { failure.RequestStop(); });
  {
    std::vector<std::jthread> threads;
    for (size_t worker = 0; worker < workers; ++worker) {
      threads.emplace_back([&, worker] { failure.Set(Guarded(work, worker, failure.stop())); });
      pthread_setname_np(threads.back().native_handle(),
                         StrCat(name, "-", worker).substr(0, 15).c_str());
    }
  }
  if (const absl::Status first = failure.first(); !first.ok()) return first;
  return stop.stop_requested() ? absl::CancelledError("stopped") : absl::OkStatus();
}

}  // namespace millrace
