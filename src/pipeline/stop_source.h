// Tells all threads of a run to stop, and why.
#ifndef MILLRACE_PIPELINE_STOP_SOURCE_H_
#define MILLRACE_PIPELINE_STOP_SOURCE_H_

#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

// Thread-safe. The first reason is kept.
class StopSource {
 public:
  // Requests a stop from all holders of token(). `reason` is not ok.
  void RequestStop(absl::Status reason) {
    {
      absl::MutexLock lock(&mutex_);
      if (reason_.ok()) reason_ = std::move(reason);
    }
    stop_.request_stop();
  }

  std::stop_token token() const { return stop_.get_token(); }
  bool requested() const { return stop_.stop_requested(); }

  // Ok until RequestStop() is called.
  absl::Status reason() const {
    absl::MutexLock lock(&mutex_);
    return reason_;
  }

 private:
  std::stop_source stop_;
  mutable absl::Mutex mutex_;
  absl::Status reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_STOP_SOURCE_H_
