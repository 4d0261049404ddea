// The metrics of an export.
#ifndef MILLRACE_EXPORT_EXPORT_METRICS_H_
#define MILLRACE_EXPORT_EXPORT_METRICS_H_

#include "base/metrics_text.h"
#include "export/export.h"

namespace millrace {

void AddExportMetrics(const ExportProgress& progress, MetricsText& page);

}  // namespace millrace

#endif  // MILLRACE_EXPORT_EXPORT_METRICS_H_
