// Commits and abandons the streams of intents (bigquery_staging.h).
#ifndef MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_
#define MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_

#include <memory>
#include <string_view>

#include "connectors/bigquery/table_spec.h"
#include "connectors/bigquery/write_streams.h"
#include "pipeline/staging.h"

namespace millrace::bigquery {

// What the names of parts begin with.
inline constexpr std::string_view kStreamPart = "stream:";
inline constexpr std::string_view kFencePart = "fence:";
inline constexpr std::string_view kBrokenPart = "broken:";

// A commit whose outcome was lost is made again. If the service then refuses it, the streams are
// looked up one by one, and what they say decides, because a commit is atomic:
//
//   a stream with rows is committed             the commit was made
//   the fence alone is committed                it was abandoned
//   a stream exists, and none is committed      it was not made, and cannot be made any more
//   no stream exists, nor the table             its rows are nowhere
//   no stream exists, but the table             unknown: `forgotten` decides
//
// `streams` outlives it.
std::unique_ptr<Committer> NewStreamCommitter(const WriteStreams& streams, Forgotten forgotten);

}  // namespace millrace::bigquery

#endif  // MILLRACE_CONNECTORS_BIGQUERY_STREAM_COMMITTER_H_
