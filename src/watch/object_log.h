// Writes one log line for each object that a watch has finished or failed.
#ifndef MILLRACE_WATCH_OBJECT_LOG_H_
#define MILLRACE_WATCH_OBJECT_LOG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/log.h"
#include "watch/object_notification.h"

namespace millrace::watch {

// `next_try` InfiniteFuture: the watch itself does not retry it.
void LogObject(const ObjectNotification& notification, const NotificationResult& result,
               absl::Time now, absl::Time next_try);

// The fields by which Google Cloud finds the request of a log line; none if `trace` is empty.
void AddTrace(const Trace& trace, std::vector<LogField>& fields);

// The trace of a request, from `traceparent` (W3C) or else X-Cloud-Trace-Context; empty if neither
// is well formed.
Trace TraceOf(std::string_view traceparent, std::string_view cloud_trace_context);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_OBJECT_LOG_H_
