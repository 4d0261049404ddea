// One connection that appends rows to one stream.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_APPEND_STREAM_H_
#define MILLRACE_CONNECTORS_BIGQUERY_APPEND_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "connectors/bigquery/append_batch.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/storage_errors.h"
#include "pipeline/destination.h"

namespace google::cloud::bigquery::storage::v1 {
class AppendRowsRequest;
class AppendRowsResponse;
}  // namespace google::cloud::bigquery::storage::v1

namespace millrace::bigquery {

namespace wire = google::cloud::bigquery::storage::v1;

struct AppendOutcome {
  StorageError error;  // ok: the rows are in the stream
  // Rows of the request that will never be accepted, and why; then none of the request is stored.
  std::vector<std::pair<size_t, std::string>> bad_rows;
};

// One thread at a time. It connects when it is first used, and again after a failure.
class AppendStream {
 public:
  // `name`: of the stream. `descriptor`: as RowDescriptor() makes it. `connection` and `traffic`
  // outlive it.
  AppendStream(Connection& connection, Traffic& traffic, std::string name, std::string descriptor,
               absl::Duration timeout = absl::Seconds(60));
  ~AppendStream();

  // Appends the request of `batch` at `offset`, and waits for the answer, for `timeout` or until
  // `stop` is requested. An outcome that is unknown is settled by the same call: rows that are
  // there are not stored twice. Without an offset, for the default stream, they are.
  AppendOutcome Append(const AppendBatch& batch, std::optional<int64_t> offset,
                       std::stop_token stop);

 private:
  class Call;

  // Sends a request and receives its answer. An error: the connection is lost.
  StorageError Exchange(bool is_new, const wire::AppendRowsRequest& request,
                        wire::AppendRowsResponse& response, const std::stop_token& stop);

  Connection& connection_;
  Traffic& traffic_;
  const std::string name_;
  const std::string descriptor_;
  const absl::Duration timeout_;
  std::unique_ptr<Call> call_;  // while it is connected
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_APPEND_STREAM_H_
