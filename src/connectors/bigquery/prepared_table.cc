#include "connectors/bigquery/prepared_table.h"

#include "base/status.h"

namespace millrace::bigquery {

absl::Status PreparedTable::Ensure(const std::stop_token& stop) {
  absl::MutexLock lock(&mutex_);
  if (is_ready_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool is_changed, prepare_(stop));
  is_ready_ = true;
  if (is_changed) changed_ = clock_.Elapsed();
  return absl::OkStatus();
}

bool PreparedTable::is_settling() {
  absl::MutexLock lock(&mutex_);
  return clock_.Elapsed() - changed_ < kSettleTime;
}

void PreparedTable::Reset() {
  absl::MutexLock lock(&mutex_);
  is_ready_ = false;
}

}  // namespace millrace::bigquery
