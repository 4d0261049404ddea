// The log of the proxy as the destination of a replay: records that were refused when they arrived
// are checked and completed again, as of then, and appended to the log for every destination.
#ifndef MILLRACE_PROXY_LOG_DESTINATION_H_
#define MILLRACE_PROXY_LOG_DESTINATION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/batch.h"
#include "base/clock.h"
#include "pipeline/destination.h"
#include "proxy/enrich.h"
#include "proxy/record_appender.h"
#include "replay/remap.h"

namespace millrace::proxy {

// Its ledger names are those of DeadLetterWriter::ObjectOf(). Both arguments outlive it.
std::unique_ptr<Destination> NewLogDestination(RecordAppender& log, Clock& clock);

// For ReplayRequest::remap. The numbers of rows are times of arrival, in microseconds. A record
// that is refused in part is refused.
std::vector<Remapped> EnrichAgain(absl::Span<const KeptRow> rows, const TokenRules& tokens,
                                  Batch& out);

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_LOG_DESTINATION_H_
