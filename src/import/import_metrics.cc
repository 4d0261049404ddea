#include "import/import_metrics.h"

namespace millrace {
namespace {

double Number(const std::atomic<uint64_t>& number) { return static_cast<double>(number.load()); }

}  // namespace

void AddImportMetrics(absl::Span<const ImportProgress> progress, MetricsText& page) {
  const auto add = [&](const Metric& metric, const auto& number_of, std::string_view outcome = "") {
    for (const ImportProgress& one : progress) {
      const auto value = static_cast<double>(number_of(one));
      if (outcome.empty()) {
        page.Add(metric, value, {{"destination", one.destination}});
      } else {
        page.Add(metric, value, {{"destination", one.destination}, {"outcome", outcome}});
      }
    }
  };
  using Progress = const ImportProgress&;
  add(metrics::kRowsRead, [](Progress one) { return one.run.rows_read.load(); });
  add(
      metrics::kRows, [](Progress one) { return one.run.rows_accepted.load(); }, "accepted");
  add(
      metrics::kRows, [](Progress one) { return one.run.rows_rejected.load(); }, "rejected");
  add(
      metrics::kRows, [](Progress one) { return one.run.rows_filtered.load(); }, "filtered");
  add(metrics::kEvents, [](Progress one) { return one.run.events_accepted.load(); });
  add(metrics::kObjectsDone, [](Progress one) { return one.run.objects_done.load(); });
  add(metrics::kObjectsSkipped, [](Progress one) { return one.source.objects_skipped.load(); });
  add(metrics::kObjectsHeld, [](Progress one) { return one.source.objects_held.load(); });
  add(metrics::kObjectsConfigChanged,
      [](Progress one) { return one.source.objects_config_changed.load(); });
  page.Add(metrics::kObjectsUnmatched, Number(progress.front().objects_unmatched));
  uint64_t warnings = 0;
  for (const WarningCount& kind : progress.front().warnings.all()) warnings += kind.count;
  page.Add(metrics::kWarnings, static_cast<double>(warnings));
  add(metrics::kBytesRead, [](Progress one) { return one.source.bytes_read.load(); });
  add(metrics::kWrites, [](Progress one) { return one.run.writes.load(); });
  add(metrics::kRetries, [](Progress one) { return one.run.retries.load(); });
  add(metrics::kInFlight, [](Progress one) { return one.run.writes_in_flight.load(); });
}

}  // namespace millrace
