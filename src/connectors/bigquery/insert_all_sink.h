// Writes rows by tabledata.insertAll.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_
#define MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "connectors/bigquery/rest_client.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// A table that is made what it needs to be before rows are written. Thread-safe.
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

struct InsertAllParts {
  std::unique_ptr<RestClient> rest;
  std::string path;  // of the table: "project/datasets/d/tables/t"
  const TableForm& form;
  PreparedTable& table;
  Traffic& traffic;
  Clock& clock;
};

// A write is requests of at most 500 rows and 8 MiB, one after another. BigQuery names the rows
// that it refuses and stores none of their request; the others are sent again. A write of the same
// batch after one that failed begins with the request that failed.
std::unique_ptr<Sink> NewInsertAllSink(InsertAllParts parts);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_INSERT_ALL_SINK_H_
