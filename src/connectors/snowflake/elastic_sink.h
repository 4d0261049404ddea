// Appends batches to a table by Snowpipe Streaming without a channel of its own: at least once.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_ELASTIC_SINK_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_ELASTIC_SINK_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "connectors/snowflake/pipe_client.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::snowflake {

// What the sinks of one table share; all of it outlives them.
struct ElasticSinkParts {
  const TableForm& form;
  const std::vector<std::string>& columns;               // the names of the form's in the table
  std::function<absl::Status(std::stop_token)> prepare;  // before the first write; may be null
  Clock& clock;
};

// A write returns when Snowflake has taken the rows durably; they can be queried some seconds
// later. Rows that the table does not take then are not reported. Parts of a batch that were taken
// are not sent again with the others.
std::unique_ptr<Sink> NewElasticSink(const ElasticSinkParts& parts,
                                     std::unique_ptr<PipeClient> client);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_ELASTIC_SINK_H_
