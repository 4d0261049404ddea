// Decides why the destination refused a whole batch: because of its rows, or for a reason that
// applies to every batch (an archived project, a table that does not accept this schema).
#ifndef MILLRACE_PIPELINE_WHOLE_REFUSALS_H_
#define MILLRACE_PIPELINE_WHOLE_REFUSALS_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "pipeline/sink.h"

namespace millrace {

// Of one run into one destination. Thread-safe.
class WholeRefusals {
 public:
  // How many batches in a row may be refused whole with the same message after the destination has
  // accepted or named rows.
  static constexpr int kMaxInARow = 10;

  // The refused rows of a write that was durable() or refused_whole(). The rows of a batch that was
  // refused whole are to blame only if the destination has distinguished rows in this run, and
  // not too many batches ago; otherwise FailedPrecondition: the run must stop, nothing is lost.
  absl::StatusOr<std::vector<RefusedRow>> Judge(const WriteResult& result, size_t rows);

 private:
  absl::Mutex mutex_;
  bool told_apart_ ABSL_GUARDED_BY(mutex_) = false;
  int in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string words_ ABSL_GUARDED_BY(mutex_);  // of the last whole refusal
};

}  // namespace millrace

#endif  // MILLRACE_PIPELINE_WHOLE_REFUSALS_H_
