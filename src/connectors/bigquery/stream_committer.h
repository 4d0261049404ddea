// Commits and abandons the streams of intents (bigquery_staging.h).
#ifndef MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_
#define MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/write_streams.h"
#include "pipeline/staging.h"

namespace millrace::bigquery {

// When the table was created; NotFound: there is none.
using TableTime = std::function<absl::StatusOr<std::string>(std::stop_token stop)>;

// What the names of parts begin with.
inline constexpr std::string_view kStreamPart = "stream:";
inline constexpr std::string_view kFencePart = "fence:";  // with "@" and the time of the table
inline constexpr std::string_view kBrokenPart = "broken:";

// A commit whose outcome was lost is made again. If the service then refuses it, the streams are
// looked up until one is there, and what that one says decides, because a commit is atomic:
//
//   a stream with rows, committed               the commit was made
//   a stream with rows, not committed           it was not made; it is abandoned
//   the fence                                   the same, or it was abandoned
//   no stream exists, nor the table             its rows are nowhere
//   no stream exists, and another table has     its rows are nowhere
//   the name of the table that they were of
//   no stream exists, but the table             unknown: `forgotten` decides
//
// `streams` outlives it.
std::unique_ptr<Committer> NewStreamCommitter(const WriteStreams& streams, Forgotten forgotten,
                                              TableTime table_time);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_
