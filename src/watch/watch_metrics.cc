#include "watch/watch_metrics.h"

#include "import/import_metrics.h"
#include "net/response_counts.h"

namespace millrace::watch {
namespace {

double Number(const std::atomic<uint64_t>& number) { return static_cast<double>(number.load()); }

}  // namespace

std::string WatchMetrics(const WatchProgress& progress) {
  MetricsText page;
  AddImportMetrics(progress.imports, page);
  page.Add(metrics::kNotifications, Number(progress.notifications));
  for (size_t i = 0; i < WatchProgress::kOutcomes; ++i) {
    page.Add(metrics::kOutcomes, Number(progress.outcomes[i]),
             {{"outcome", NameOf(static_cast<NotificationOutcome>(i))}});
  }
  page.Add(metrics::kObjectRetries, Number(progress.retries));
  page.Add(metrics::kWaiting, Number(progress.objects_waiting));
  page.Add(metrics::kInProgress, Number(progress.objects_in_progress));
  page.Add(metrics::kFailing, Number(progress.objects_failing));
  page.Add(metrics::kConfigReloads, Number(progress.config_reloads), {{"outcome", "applied"}});
  page.Add(metrics::kConfigReloads, Number(progress.config_reloads_failed),
           {{"outcome", "failed"}});
  page.Add(metrics::kConfigInvalid, progress.config_invalid ? 1 : 0);
  page.Add(metrics::kObjectLatency, progress.object_latency);
  page.Add(metrics::kRequestDuration, progress.request_duration);
  AddResponseMetrics(page);
  AddProcessMetrics(page);
  return page.Take();
}

}  // namespace millrace::watch
