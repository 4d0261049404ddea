// The metrics of an import.
#ifndef MILLRACE_IMPORT_IMPORT_METRICS_H_
#define MILLRACE_IMPORT_IMPORT_METRICS_H_

#include "base/metrics_text.h"
#include "import/import.h"

namespace millrace {

// Of each destination. What concerns the source alone is that of the first one.
void AddImportMetrics(absl::Span<const ImportProgress> progress, MetricsText& page);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_IMPORT_METRICS_H_
