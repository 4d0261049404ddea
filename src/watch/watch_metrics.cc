#include "watch/watch_metrics.h"

#include "import/import_metrics.h"

namespace millrace::watch {
namespace {

double Value(const std::atomic<uint64_t>& number) { return static_cast<double>(number.load()); }

}  // namespace

std::string WatchMetrics(const WatchProgress& progress) {
  MetricsText page;
  AddImportMetrics(progress.import, page);
  page.Add(metrics::kNotices, Value(progress.notices));
  for (size_t i = 0; i < WatchProgress::kOutcomes; ++i) {
    page.Add(metrics::kOutcomes, Value(progress.outcomes[i]),
             {{"outcome", NameOf(static_cast<NoticeOutcome>(i))}});
  }
  page.Add(metrics::kObjectRetries, Value(progress.retries));
  page.Add(metrics::kWaiting, Value(progress.objects_waiting));
  page.Add(metrics::kInWork, Value(progress.objects_in_work));
  page.Add(metrics::kFailing, Value(progress.objects_failing));
  page.Add(metrics::kObjectLatency, progress.object_latency);
  page.Add(metrics::kRequestDuration, progress.request_duration);
  AddProcessMetrics(page);
  return page.Take();
}

}  // namespace millrace::watch
