// Requests to Snowpipe Streaming about one pipe.
#ifndef MILLRACE_CONNECTORS_SNOWFLAKE_PIPE_CLIENT_H_
#define MILLRACE_CONNECTORS_SNOWFLAKE_PIPE_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "connectors/snowflake/ingest_session.h"
#include "connectors/snowflake/server_error.h"
#include "net/http_client.h"
#include "pipeline/destination.h"

namespace millrace::snowflake {

// The largest body of a request, compressed, and the rows in it, uncompressed.
inline constexpr size_t kMaxAppendBytes = 4'000'000;
inline constexpr size_t kMaxAppendRowBytes = 8 << 20;
// Channels of one request for their status.
inline constexpr size_t kMaxStatusChannels = 500;

// Names as Snowflake stores them.
struct PipeName {
  std::string database;
  std::string schema;
  std::string pipe;
  std::string table;  // of elastic appends to the default pipe; empty: use `pipe`

  // "DB.SCHEMA.PIPE"
  std::string Text() const;
};

struct ChannelStatus {
  std::string code;       // "SUCCESS"
  std::string committed;  // the offset token; empty: none
  uint64_t error_rows = 0;
  std::string error_message;  // of the last error
  std::string error_offset;   // an offset token at or after it

  bool is_valid() const { return code == "SUCCESS" || code == "ACTIVE" || code.empty(); }
};

// Rows in NDJSON, compressed with zstd.
struct AppendBody {
  std::string_view compressed;
  size_t uncompressed_bytes = 0;
};

// One thread at a time; keeps its connection. Requests are sent once, but for those that are
// refused because the token had expired. Unavailable: it is not known whether the request was
// executed, unless error().http_status says so. Cancelled: `stop` was requested; the same. For
// others see error() and the table in server_error.h.
class PipeClient {
 public:
  // All but `http` outlive the client.
  PipeClient(const PipeName& pipe, IngestSession& session, std::unique_ptr<HttpClient> http,
             Traffic& traffic, Clock& clock)
      : pipe_(pipe), session_(session), http_(std::move(http)), traffic_(traffic), clock_(clock) {}

  struct Opened {
    std::string continuation;  // of the first append
    ChannelStatus status;
  };
  // Opens the channel, which makes it if it is missing and ends all earlier ways to append to it.
  // Rows that are not committed yet are discarded, or if `discard` is false, refuse the request
  // (kUncommittedRows). `offset_token`: is set if it is not empty.
  absl::StatusOr<Opened> Open(std::string_view channel, bool discard, std::string_view offset_token,
                              const std::stop_token& stop);

  // Returns the continuation of the next append.
  absl::StatusOr<std::string> Append(std::string_view channel, std::string_view continuation,
                                     std::string_view offset_token, const AppendBody& body,
                                     const std::stop_token& stop);

  // Those of `channels` that exist.
  absl::StatusOr<std::map<std::string, ChannelStatus>> Statuses(
      const std::vector<std::string>& channels, const std::stop_token& stop);

  // Ok also if there is no such channel. Rows that are not committed are discarded, or refuse the
  // request.
  absl::Status Drop(std::string_view channel, bool discard, const std::stop_token& stop);

  // Appends without a channel of its own; ok: the rows are durable. `retry`: how often the rows
  // were sent with this id before.
  absl::Status AppendElastic(const std::string& request_id, int retry, const AppendBody& body,
                             const std::stop_token& stop);

  // Of the last request, if it failed.
  const ServerError& error() const { return error_; }
  absl::Duration retry_after() const { return retry_after_; }

 private:
  absl::StatusOr<std::string> Send(std::string_view method, const std::string& path,
                                   std::string_view content_type, std::string_view body,
                                   size_t uncompressed_bytes, const std::stop_token& stop);
  std::string PipePath() const;
  std::string ChannelPath(std::string_view channel) const;

  const PipeName& pipe_;
  IngestSession& session_;
  const std::unique_ptr<HttpClient> http_;
  Traffic& traffic_;
  Clock& clock_;
  ServerError error_;
  absl::Duration retry_after_;
};

}  // namespace millrace::snowflake

#endif  // MILLRACE_CONNECTORS_SNOWFLAKE_PIPE_CLIENT_H_
