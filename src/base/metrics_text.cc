#include "base/metrics_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/memory_limit.h"
#include "base/processor_limit.h"

namespace millrace {
namespace {

const absl::Time g_start = absl::Now();

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
                           metrics::kHttpResponses,
                           metrics::kMemory,
                           metrics::kMemoryLimit,
                           metrics::kCpu,
                           metrics::kProcessors,
                           metrics::kStart,
                           metrics::kRunEnd,
                           metrics::kRunExitStatus,
                           metrics::kRunDuration,
                           metrics::kRunInterval,
                           metrics::kRunMemory,
                           metrics::kRunCpu,
                           metrics::kExportWindows,
                           metrics::kExportRecords,
                           metrics::kExportQueries,
                           metrics::kExportRetrieved,
                           metrics::kStaypointsTrips,
                           metrics::kStaypointsRejected,
                           metrics::kStaypointsFound,
                           metrics::kStaypointsSpilled,
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
                           metrics::kProxyRequestDuration,
                           metrics::kProxyConnections,
                           metrics::kProxyInFlight,
                           metrics::kProxyRecords,
                           metrics::kProxyRefusals,
                           metrics::kProxySpoolBytes,
                           metrics::kProxySpoolLimit,
                           metrics::kProxyDamaged,
                           metrics::kProxySyncDuration,
                           metrics::kProxyPending,
                           metrics::kProxyOldest};

prometheus::MetricType TypeOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

absl::Span<const Metric> AllMetrics() { return kAll; }

struct MetricsText::Families {
  // A new sample of `metric`. `run`: empty, or another label.
  prometheus::ClientMetric& NewSample(const Metric& metric, const std::string& run, Labels labels) {
    auto family = std::find_if(all.begin(), all.end(),
                               [&](const auto& known) { return known.name == metric.name; });
    if (family == all.end()) {
      all.push_back({.name = std::string(metric.name),
                     .help = std::string(metric.help),
                     .type = TypeOf(metric.type),
                     .metric = {}});
      family = all.end() - 1;
    }
    prometheus::ClientMetric& sample = family->metric.emplace_back();
    if (!run.empty()) sample.label.push_back({"run", run});
    for (const auto& [name, value] : labels) {
      sample.label.push_back({std::string(name), std::string(value)});
    }
    return sample;
  }

  std::vector<prometheus::MetricFamily> all;
};

MetricsText::MetricsText(std::string run)
    : run_(std::move(run)), families_(std::make_unique<Families>()) {}
MetricsText::~MetricsText() = default;

void MetricsText::Add(const Metric& metric, double value, Labels labels) {
  prometheus::ClientMetric& sample = families_->NewSample(metric, run_, labels);
  if (metric.type == MetricType::kCounter) {
    sample.counter.value = value;
  } else {
    sample.gauge.value = value;
  }
}

void MetricsText::Add(const Metric& metric, const Histogram& histogram) {
  prometheus::ClientMetric::Histogram& sample = families_->NewSample(metric, run_, {}).histogram;
  const Histogram::Snapshot snapshot = histogram.Take();
  uint64_t below = 0;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    below += snapshot.counts[i];
    const double bound = i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY;
    sample.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
  }
  sample.sample_count = snapshot.count;
  sample.sample_sum = snapshot.sum;
}

std::string MetricsText::Take() {
  const std::vector<prometheus::MetricFamily> all = std::exchange(families_->all, {});
  return static_cast<const prometheus::Serializer&>(prometheus::TextSerializer()).Serialize(all);
}

double CpuSeconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return absl::ToDoubleSeconds(absl::DurationFromTimeval(usage.ru_utime) +
                               absl::DurationFromTimeval(usage.ru_stime));
}

void AddProcessMetrics(MetricsText& page) {
  uint64_t pages_all = 0, pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_all >> pages_resident;
  page.Add(metrics::kMemory,
           static_cast<double>(pages_resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  page.Add(metrics::kMemoryLimit, static_cast<double>(AvailableMemory()));
  page.Add(metrics::kCpu, CpuSeconds());
  page.Add(metrics::kProcessors, AvailableProcessors());
  page.Add(metrics::kStart, absl::ToDoubleSeconds(g_start - absl::UnixEpoch()));
}

}  // namespace millrace
