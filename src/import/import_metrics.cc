#include "import/import_metrics.h"

namespace millrace {
namespace {

double Value(const std::atomic<uint64_t>& number) { return static_cast<double>(number.load()); }

}  // namespace

void AddImportMetrics(const ImportProgress& progress, MetricsText& page) {
  const RunProgress& run = progress.run;
  const SourceProgress& source = progress.source;
  page.Add(metrics::kRowsRead, Value(run.rows_read));
  page.Add(metrics::kRows, Value(run.rows_accepted), {{"outcome", "accepted"}});
  page.Add(metrics::kRows, Value(run.rows_rejected), {{"outcome", "rejected"}});
  page.Add(metrics::kRows, Value(run.rows_filtered), {{"outcome", "filtered"}});
  page.Add(metrics::kEvents, Value(run.events_accepted));
  page.Add(metrics::kObjectsDone, Value(run.objects_done));
  page.Add(metrics::kObjectsSkipped, Value(source.objects_skipped));
  page.Add(metrics::kObjectsHeld, Value(source.objects_held));
  page.Add(metrics::kObjectsUnmatched, Value(progress.objects_unmatched));
  page.Add(metrics::kBytesRead, Value(source.bytes_read));
  page.Add(metrics::kWrites, Value(run.writes));
  page.Add(metrics::kRetries, Value(run.retries));
  page.Add(metrics::kInFlight, run.writes_in_flight.load());
}

}  // namespace millrace
