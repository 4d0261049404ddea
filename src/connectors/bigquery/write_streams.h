// Pending streams of one table: rows that are appended to one are visible once it is committed.
#ifndef MILLRACE_CONNECTORS_BIGQUERY_WRITE_STREAMS_H_
#define MILLRACE_CONNECTORS_BIGQUERY_WRITE_STREAMS_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "connectors/bigquery/connection.h"
#include "connectors/bigquery/storage_errors.h"
#include "connectors/bigquery/stream_quota.h"
#include "pipeline/destination.h"

namespace millrace::bigquery {

// Thread-safe. Each call is one request, which ends within a minute, or when `stop` is requested.
class WriteStreams {
 public:
  // All but `table`, "projects/P/datasets/D/tables/T", outlive it.
  WriteStreams(Connection& connection, Traffic& traffic, CallPace& creations, std::string table);

  const std::string& table() const { return table_; }
  // The full name of the stream `id`.
  std::string NameOf(const std::string& id) const;

  // A new stream: its id, which is its name without the table's. Waits for the quota of streams.
  StorageError Create(std::string& id, std::stop_token stop) const;
  // The stream takes no more rows; how many it has. It may be called again.
  StorageError Finalize(const std::string& id, int64_t& rows, std::stop_token stop) const;

  // What became of a commit of several streams, which is atomic.
  struct Committed {
    StorageError error;  // ok: all are committed, if `codes` is empty
    // Why none is committed, by this request: the codes of streams that have one.
    std::vector<StorageCode> codes;
  };
  Committed Commit(const std::vector<std::string>& ids, std::stop_token stop) const;

  // The stream that every table has: its rows are visible at once.
  std::string default_stream() const { return NameOf("_default"); }

  // Whether a stream is committed.
  StorageError Look(const std::string& id, bool& is_committed, std::stop_token stop) const;

 private:
  Connection& connection_;
  Traffic& traffic_;
  CallPace& creations_;
  const std::string table_;
};

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_WRITE_STREAMS_H_
