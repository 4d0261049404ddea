// Appends batches to channels of Snowpipe Streaming.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_SINK_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_SINK_H_

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connectors/snowflake/pipe_client.h"
#include "connectors/snowflake/streaming_channels.h"
#include "pipeline/sink.h"
#include "records/table_form.h"

namespace millrace::snowflake {

// Limits of the service for one channel.
inline constexpr absl::Duration kAppendInterval = absl::Milliseconds(100);  // 10 a second
inline constexpr double kMaxChannelBytesPerSecond = 20e6;                   // uncompressed

// What the sinks of one table share; all of it outlives them.
struct StreamingSinkParts {
  const TableForm& form;
  const std::vector<std::string>& columns;  // the names of the form's in the table
  StreamingChannels& channels;
  Clock& clock;
};

// A write appends the rows of each object to its channel and returns when the channels' status
// shows all of them as committed. An append whose outcome is not known is found out by opening the
// channel again, before anything else is appended to it.
std::unique_ptr<Sink> NewStreamingSink(const StreamingSinkParts& parts,
                                       std::unique_ptr<PipeClient> client);

// ShortHash() of what decides which rows can be stored.
std::string ChecksHash(const TableForm& form);

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_STREAMING_SINK_H_
