// A table that is made what it needs to be before rows are written.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_PREPARED_TABLE_H_
#define MILLRACE_CONNECTORS_BIGQUERY_PREPARED_TABLE_H_

#include <functional>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace::bigquery {

// Thread-safe.
class PreparedTable {
 public:
  // How long BigQuery may answer as if the table had not been changed.
  static constexpr absl::Duration kSettleTime = absl::Minutes(10);

  // `prepare` says whether it has changed the table.
  PreparedTable(std::function<absl::StatusOr<bool>(std::stop_token stop)> prepare, Clock& clock)
      : prepare_(std::move(prepare)), clock_(clock) {}

  // Prepares it unless that is done.
  absl::Status Ensure(const std::stop_token& stop);
  // Whether it was changed within kSettleTime.
  bool is_settling();
  // The next Ensure() prepares it.
  void Reset();

 private:
  const std::function<absl::StatusOr<bool>(std::stop_token stop)> prepare_;
  Clock& clock_;
  absl::Mutex mutex_;
  bool is_ready_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration changed_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_PREPARED_TABLE_H_
