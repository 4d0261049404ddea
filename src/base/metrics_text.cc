#include "base/metrics_text.h"

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <fstream>

#include "base/strings.h"

namespace millrace {
namespace {

constexpr Metric kAll[] = {metrics::kRowsRead,
                           metrics::kRows,
                           metrics::kEvents,
                           metrics::kObjectsDone,
                           metrics::kObjectsSkipped,
                           metrics::kObjectsHeld,
                           metrics::kObjectsConfigChanged,
                           metrics::kObjectsUnmatched,
                           metrics::kWarnings,
                           metrics::kBytesRead,
                           metrics::kWrites,
                           metrics::kRetries,
                           metrics::kInFlight,
                           metrics::kMemory,
                           metrics::kNotifications,
                           metrics::kOutcomes,
                           metrics::kObjectRetries,
                           metrics::kWaiting,
                           metrics::kInProgress,
                           metrics::kFailing,
                           metrics::kConfigReloads,
                           metrics::kConfigInvalid,
                           metrics::kObjectLatency,
                           metrics::kRequestDuration,
                           metrics::kProxyRequests,
                           metrics::kProxyRecords,
                           metrics::kProxyRefusals,
                           metrics::kProxySpoolBytes,
                           metrics::kProxyPending,
                           metrics::kProxyOldest};

std::string_view NameOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

// Whole numbers without an exponent, others with the digits that reproduce them.
std::string Number(double value) {
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return std::to_string(static_cast<int64_t>(value));
  }
  return absl::StrCat(value);
}

void AppendLabelValue(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

absl::Span<const Metric> AllMetrics() { return kAll; }

void MetricsText::Begin(const Metric& metric) {
  if (current_ == metric.name) return;
  current_ = metric.name;
  StrAppend(&text_, "# HELP ", metric.name, " ", metric.help, "\n# TYPE ", metric.name, " ",
            NameOf(metric.type), "\n");
}

void MetricsText::Sample(std::string_view name, std::string_view suffix, Labels labels,
                         double value) {
  StrAppend(&text_, name, suffix);
  char before = '{';
  for (const auto& [key, label] : labels) {
    text_ += before;
    StrAppend(&text_, key, "=\"");
    AppendLabelValue(text_, label);
    text_ += '"';
    before = ',';
  }
  if (before == ',') text_ += '}';
  StrAppend(&text_, " ", Number(value), "\n");
}

void MetricsText::Add(const Metric& metric, double value, Labels labels) {
  Begin(metric);
  Sample(metric.name, "", labels, value);
}

void MetricsText::Add(const Metric& metric, const Histogram& histogram) {
  Begin(metric);
  const Histogram::Snapshot snapshot = histogram.Take();
  uint64_t below = 0;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    below += snapshot.counts[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
    Sample(metric.name, "_bucket", {{"le", Number(bound)}}, static_cast<double>(below));
  }
  Sample(metric.name, "_sum", {}, snapshot.sum);
  Sample(metric.name, "_count", {}, static_cast<double>(snapshot.count));
}

void AddProcessMetrics(MetricsText& page) {
  uint64_t pages_all = 0, pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_all >> pages_resident;
  page.Add(metrics::kMemory,
           static_cast<double>(pages_resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace millrace
