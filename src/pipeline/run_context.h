// What the parts of one run share.
#ifndef MILLRACE_PIPELINE_RUN_CONTEXT_H_
#define MILLRACE_PIPELINE_RUN_CONTEXT_H_

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/run.h"
#include "pipeline/stop_source.h"

namespace millrace {

class RunContext {
 public:
  RunContext(const RunParts& parts, const RunOptions& options, RunProgress* progress)
      : parts(parts), options(options), progress(progress != nullptr ? *progress : own_progress_) {}

  // The report shows the first error.
  void NoteError(std::string error) {
    absl::MutexLock lock(&mutex_);
    if (first_error_.empty()) first_error_ = std::move(error);
  }
  std::string first_error() const {
    absl::MutexLock lock(&mutex_);
    return first_error_;
  }

  const RunParts parts;
  const RunOptions options;
  RunProgress& progress;
  StopSource stop_source;

 private:
  RunProgress own_progress_;
  mutable absl::Mutex mutex_;
  std::string first_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_RUN_CONTEXT_H_
