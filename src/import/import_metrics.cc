#include "import/import_metrics.h"

namespace millrace {
namespace {

double Number(const std::atomic<uint64_t>& number) { return static_cast<double>(number.load()); }

}  // namespace

void AddImportMetrics(const ImportProgress& progress, MetricsText& page) {
  const RunProgress& run = progress.run;
  const SourceProgress& source = progress.source;
  page.Add(metrics::kRowsRead, Number(run.rows_read));
  page.Add(metrics::kRows, Number(run.rows_accepted), {{"outcome", "accepted"}});
  page.Add(metrics::kRows, Number(run.rows_rejected), {{"outcome", "rejected"}});
  page.Add(metrics::kRows, Number(run.rows_filtered), {{"outcome", "filtered"}});
  page.Add(metrics::kEvents, Number(run.events_accepted));
  page.Add(metrics::kObjectsDone, Number(run.objects_done));
  page.Add(metrics::kObjectsSkipped, Number(source.objects_skipped));
  page.Add(metrics::kObjectsHeld, Number(source.objects_held));
  page.Add(metrics::kObjectsConfigChanged, Number(source.objects_config_changed));
  page.Add(metrics::kObjectsUnmatched, Number(progress.objects_unmatched));
  uint64_t warnings = 0;
  for (const WarningCount& kind : progress.warnings.all()) warnings += kind.count;
  page.Add(metrics::kWarnings, static_cast<double>(warnings));
  page.Add(metrics::kBytesRead, Number(source.bytes_read));
  page.Add(metrics::kWrites, Number(run.writes));
  page.Add(metrics::kRetries, Number(run.retries));
  page.Add(metrics::kInFlight, run.writes_in_flight.load());
}

}  // namespace millrace
