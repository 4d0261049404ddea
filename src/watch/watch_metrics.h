// The metrics of a watch.
#ifndef MILLRACE_WATCH_WATCH_METRICS_H_
#define MILLRACE_WATCH_WATCH_METRICS_H_

#include <string>

#include "watch/watch_progress.h"

namespace millrace::watch {

// The whole page.
std::string WatchMetrics(const WatchProgress& progress);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_WATCH_METRICS_H_
