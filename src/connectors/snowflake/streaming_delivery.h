// What a destination needs to deliver into one table by Snowpipe Streaming.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_DELIVERY_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_DELIVERY_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "connectors/snowflake/ingest_session.h"
#include "connectors/snowflake/pipe_client.h"
#include "connectors/snowflake/snowflake_spec.h"
#include "connectors/snowflake/streaming_channels.h"
#include "connectors/snowflake/target_table.h"
#include "pipeline/destination.h"
#include "pipeline/run.h"

namespace millrace::snowflake {

// Sets how a run writes by Snowpipe Streaming: rows are committed 5 to 10 s after they were
// appended, so many are on their way, in batches that grow with RunOptions::max_bytes.
void AdaptToStreaming(RunOptions& options);
SendLimits StreamingLimits();

// Thread-safe, but for the sinks.
class StreamingDelivery {
 public:
  // All of them outlive it. `prepare` makes the table ready.
  StreamingDelivery(const SnowflakeSpec& spec, IngestSession& session, const TargetTable& table,
                    std::function<absl::Status(std::stop_token)> prepare, Traffic& traffic,
                    Clock& clock);

  std::unique_ptr<Sink> NewNamedSink();
  std::unique_ptr<Sink> NewElasticSink();
  // Of named channels.
  DeliveryCursor& cursor() { return channels_; }

  // Whether the pipe can be used, as far as the service says so without an append.
  AccessCheck Check(const std::stop_token& stop);

 private:
  std::unique_ptr<PipeClient> NewClient();

  IngestSession& session_;
  const TableForm& form_;
  const std::vector<std::string> columns_;
  const std::function<absl::Status(std::stop_token)> prepare_;
  Traffic& traffic_;
  Clock& clock_;
  const PipeName pipe_;
  StreamingChannels channels_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_DELIVERY_H_
