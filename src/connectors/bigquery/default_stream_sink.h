// Writes rows to the default stream of a table, where they are visible at once.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_DEFAULT_STREAM_SINK_H_
#define MILLRACE_CONNECTORS_BIGQUERY_DEFAULT_STREAM_SINK_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "base/clock.h"
#include "connectors/bigquery/append_batch.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/prepared_table.h"
#include "connectors/bigquery/row_encoder.h"
#include "connectors/bigquery/write_streams.h"
#include "pipeline/destination.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::bigquery {

// All of it outlives the sink.
struct DefaultStreamParts {
  const TableForm& form;
  Connection& connection;
  const WriteStreams& streams;
  PreparedTable& table;
  Traffic& traffic;
  Clock& clock;
  size_t max_request_bytes = kMaxRequestBytes;
  // Rows are changes of this type and version, which is their insert_time too; null: they are
  // added.
  std::function<absl::Time()> version = nullptr;
  ChangeType change = ChangeType::kUpsert;
};

// A write is requests of at most max_request_bytes, one after another; a repeated one begins with
// the first request that was not confirmed. Rows that the service refuses are not stored, and the
// others of their request are sent again. A request whose answer was lost is stored twice, which is
// the same as once if its rows are changes.
std::unique_ptr<Sink> NewDefaultStreamSink(const DefaultStreamParts& parts);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_DEFAULT_STREAM_SINK_H_
