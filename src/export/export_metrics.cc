#include "export/export_metrics.h"

#include "import/import_metrics.h"

namespace millrace {

void AddExportMetrics(const ExportProgress& progress, MetricsText& page) {
  const auto add = [&page](const Metric& metric, uint64_t value) {
    page.Add(metric, static_cast<double>(value));
  };
  add(metrics::kExportWindows, progress.windows_read);
  add(metrics::kExportRecords, progress.records);
  add(metrics::kExportQueries, progress.queries);
  page.Add(metrics::kExportRetrieved, static_cast<double>(progress.retrieved_at));
  AddImportMetrics(progress.destinations, page);
}

}  // namespace millrace
