// Stages rows in pending streams of a table and commits them.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_STAGING_H_
#define MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_STAGING_H_

#include <functional>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "connectors/bigquery/append_batch.h"
#include "connectors/bigquery/stream_committer.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/write_streams.h"
#include "pipeline/staging.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// What staging needs; all of it outlives it.
struct StagingParts {
  const TableForm& form;
  Connection& connection;
  const WriteStreams& streams;
  Traffic& traffic;
  Clock& clock;
  // Makes the table what it needs to be, before anything is staged; whether that changed it.
  std::function<absl::StatusOr<bool>(std::stop_token stop)> prepare;
  Forgotten forgotten = Forgotten::kStop;
  TableTime table_time = nullptr;  // unset: a table that was made again is not told from this one
  size_t max_request_bytes = kMaxRequestBytes;
};

// The parts of an intent are "stream:ID", one for each sink that has staged rows, and one
// "fence:ID" or "fence:ID@TIME", a stream without rows, with the time at which the table was
// created. All of them are committed by one request, or none is. An intent is abandoned by
// committing its fence alone: no request can commit the others then, because no stream is committed
// twice. Instead of a stream that is not whole there is "broken:ID".
//
// The service removes pending streams that are never committed; nobody else can.
std::unique_ptr<Staging> NewBigqueryStaging(StagingParts parts);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_BIGQUERY_STAGING_H_
