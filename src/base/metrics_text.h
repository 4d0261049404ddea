// Metrics in Prometheus' text format, version 0.0.4. Every metric of Millrace is in the list below.
#ifndef MILLRACE_BASE_METRICS_TEXT_H_
#define MILLRACE_BASE_METRICS_TEXT_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "base/histogram.h"

namespace millrace {

enum class MetricType { kCounter, kGauge, kHistogram };

// One metric: its name with its unit, and what it counts.
struct Metric {
  std::string_view name;
  MetricType type;
  std::string_view help;
};

namespace metrics {

// What every long-running verb has.
inline constexpr Metric kRows{"millrace_rows_total", MetricType::kCounter,
                              "Source rows, by what became of them"};
inline constexpr Metric kRowsRead{"millrace_rows_read_total", MetricType::kCounter,
                                  "Source rows read"};
inline constexpr Metric kEvents{"millrace_events_accepted_total", MetricType::kCounter,
                                "Events and profile updates that the destination has confirmed"};
inline constexpr Metric kObjectsDone{"millrace_objects_done_total", MetricType::kCounter,
                                     "Objects that the ledger has as done by this process"};
inline constexpr Metric kObjectsSkipped{"millrace_objects_skipped_total", MetricType::kCounter,
                                        "Objects that were done before"};
inline constexpr Metric kObjectsHeld{"millrace_objects_held_total", MetricType::kCounter,
                                     "Objects that another worker had when they were looked at"};
inline constexpr Metric kObjectsConfigChanged{
    "millrace_objects_config_changed_total", MetricType::kCounter,
    "Objects left alone because the config has changed since they were sent"};
inline constexpr Metric kObjectsUnmatched{"millrace_objects_unmatched_total", MetricType::kCounter,
                                          "Objects that no entry of the config fits"};
inline constexpr Metric kWarnings{"millrace_warnings_total", MetricType::kCounter,
                                  "What looked wrong in objects and config"};
inline constexpr Metric kBytesRead{"millrace_object_bytes_read_total", MetricType::kCounter,
                                   "Bytes read from objects"};
inline constexpr Metric kWrites{"millrace_writes_total", MetricType::kCounter,
                                "Writes of batches to the destination, retries included"};
inline constexpr Metric kRetries{"millrace_write_retries_total", MetricType::kCounter,
                                 "Writes of batches that were written before"};
inline constexpr Metric kInFlight{"millrace_writes_in_flight", MetricType::kGauge,
                                  "Writes that wait for the destination"};
inline constexpr Metric kMemory{"process_resident_memory_bytes", MetricType::kGauge,
                                "Memory that the process holds"};
// What only a watch has.
inline constexpr Metric kNotifications{"millrace_watch_notices_total", MetricType::kCounter,
                                       "Notices of objects, from all triggers"};
inline constexpr Metric kOutcomes{"millrace_watch_objects_total", MetricType::kCounter,
                                  "Objects that notices told of, by what became of them"};
inline constexpr Metric kObjectRetries{"millrace_watch_object_retries_total", MetricType::kCounter,
                                       "Objects that the watch itself tried again"};
inline constexpr Metric kWaiting{"millrace_watch_objects_waiting", MetricType::kGauge,
                                 "Objects that wait for their turn, or to be tried again"};
inline constexpr Metric kInProgress{"millrace_watch_objects_in_work", MetricType::kGauge,
                                    "Objects that are being imported"};
inline constexpr Metric kFailing{"millrace_watch_objects_failing", MetricType::kGauge,
                                 "Objects that failed when they were last tried"};
inline constexpr Metric kConfigReloads{"millrace_watch_config_reloads_total", MetricType::kCounter,
                                       "Changed configs, by whether they could be used"};
inline constexpr Metric kConfigInvalid{
    "millrace_watch_config_invalid", MetricType::kGauge,
    "1 while the config was changed to one that cannot be used, else 0"};
inline constexpr Metric kObjectLatency{
    "millrace_watch_object_latency_seconds", MetricType::kHistogram,
    "From an object's being written to its being done in the ledger"};
inline constexpr Metric kRequestDuration{"millrace_watch_request_duration_seconds",
                                         MetricType::kHistogram,
                                         "From a request's arrival to its objects' results"};

}  // namespace metrics

// All of the list, for documentation and its test.
absl::Span<const Metric> AllMetrics();

// Writes a page. Samples of one metric come one after another.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  void Add(const Metric& metric, double value, Labels labels = {});
  void Add(const Metric& metric, const Histogram& histogram);

  std::string Take() { return std::move(text_); }

 private:
  void Begin(const Metric& metric);
  void Sample(std::string_view name, std::string_view suffix, Labels labels, double value);

  std::string text_;
  std::string_view current_;  // the metric whose head was written last
};

// What the process itself has.
void AddProcessMetrics(MetricsText& page);

}  // namespace millrace

#endif  // MILLRACE_BASE_METRICS_TEXT_H_
