#include "connectors/snowflake/streaming_delivery.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "connectors/snowflake/elastic_sink.h"
#include "connectors/snowflake/sql_text.h"
#include "connectors/snowflake/streaming_sink.h"
#include "net/http_client.h"

namespace millrace::snowflake {
namespace {

constexpr int kInitialWrites = 8;
constexpr int kMaxWrites = 16;
constexpr size_t kJoinRows = 50'000;
// A batch waits for as long as its commit takes; each writer holds it in several forms.
constexpr size_t kMemoryShare = 64;
// How long a quiet source is waited for, so that few large appends are made.
constexpr absl::Duration kLinger = absl::Seconds(1);
// A channel that is never there: its status says whether the pipe is.
constexpr char kProbe[] = "MILLRACE_PROBE";

std::vector<std::string> NamesOf(const std::vector<TableColumn>& columns) {
  std::vector<std::string> names;
  for (const TableColumn& column : columns) names.push_back(column.name);
  return names;
}

// The pipe of a table: that of pipe=, which the old proxy called <pipe>_<table>, or the one that
// Snowflake makes for each table.
PipeName PipeOf(const SnowflakeSpec& spec, const std::string& table) {
  PipeName pipe{.database = spec.database, .schema = spec.schema, .pipe = {}, .table = {}};
  if (spec.pipe.empty()) {
    pipe.pipe = StrCat(table, "-STREAMING");
    pipe.table = table;
  } else {
    pipe.pipe = StrCat(spec.pipe, "_", table);
  }
  return pipe;
}

}  // namespace

void AdaptToStreaming(RunOptions& options) {
  options.max_writes = std::min(options.max_writes, kMaxWrites);
  options.initial_writes = std::min(options.max_writes, kInitialWrites);
  options.linger = std::max(options.linger, kLinger);
  options.join_rows = std::max(options.join_rows, kJoinRows);
  options.join_bytes = std::max(options.join_bytes, options.max_bytes / kMemoryShare);
}

SendLimits StreamingLimits() {
  return {.bytes_per_second = kMaxChannelBytesPerSecond, .batch_bytes = kMaxAppendRowBytes};
}

StreamingDelivery::StreamingDelivery(const SnowflakeSpec& spec, IngestSession& session,
                                     const TargetTable& table,
                                     std::function<absl::Status(std::stop_token)> prepare,
                                     Traffic& traffic, Clock& clock)
    : session_(session),
      form_(table.form()),
      columns_(NamesOf(table.columns())),
      prepare_(std::move(prepare)),
      traffic_(traffic),
      clock_(clock),
      pipe_(PipeOf(spec, table.name())),
      channels_(
          ChecksHash(form_), [this] { return NewClient(); }, prepare_, clock) {}

std::unique_ptr<PipeClient> StreamingDelivery::NewClient() {
  return std::make_unique<PipeClient>(pipe_, session_, NewCurlHttpClient(), traffic_, clock_);
}

std::unique_ptr<Sink> StreamingDelivery::NewNamedSink() {
  return NewStreamingSink(
      {.form = form_, .columns = columns_, .channels = channels_, .clock = clock_}, NewClient());
}

std::unique_ptr<Sink> StreamingDelivery::NewElasticSink() {
  return snowflake::NewElasticSink(
      {.form = form_, .columns = columns_, .prepare = prepare_, .clock = clock_}, NewClient());
}

AccessCheck StreamingDelivery::Check(const std::stop_token& stop) {
  const std::unique_ptr<PipeClient> client = NewClient();
  return {.what = StrCat("Snowpipe Streaming into pipe ", pipe_.Text()),
          .status = client->Statuses({kProbe}, stop).status(),
          .remedy = StrCat("grant the role OPERATE and MONITOR on the pipe and INSERT on its "
                           "table; the default pipe of a table is there once the table is")};
}

}  // namespace millrace::snowflake
