// Metrics in Prometheus' text format, version 0.0.4, which prometheus-cpp writes from the program's
// own counters at each scrape. Every metric of Millrace is in the list below.
#ifndef MILLRACE_BASE_METRICS_TEXT_H_
#define MILLRACE_BASE_METRICS_TEXT_H_

#include <initializer_list>
#include <memory>
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

// Metrics of every long-running verb.
inline constexpr Metric kRows{"millrace_rows_total", MetricType::kCounter,
                              "Source rows, by outcome"};
inline constexpr Metric kRowsRead{"millrace_rows_read_total", MetricType::kCounter,
                                  "Source rows read"};
inline constexpr Metric kEvents{"millrace_events_accepted_total", MetricType::kCounter,
                                "Events and profile updates that the destination confirmed"};
inline constexpr Metric kObjectsDone{
    "millrace_objects_done_total", MetricType::kCounter,
    "Objects that this process completed, as recorded in the ledger"};
inline constexpr Metric kObjectsSkipped{"millrace_objects_skipped_total", MetricType::kCounter,
                                        "Objects skipped because they were already done"};
inline constexpr Metric kObjectsHeld{"millrace_objects_held_total", MetricType::kCounter,
                                     "Times that another worker held an object or took it over"};
inline constexpr Metric kObjectsConfigChanged{
    "millrace_objects_config_changed_total", MetricType::kCounter,
    "Objects skipped because the config changed after they were sent"};
inline constexpr Metric kObjectsUnmatched{"millrace_objects_unmatched_total", MetricType::kCounter,
                                          "Objects that match no entry of the config"};
inline constexpr Metric kWarnings{"millrace_warnings_total", MetricType::kCounter,
                                  "Warnings about objects and config"};
inline constexpr Metric kBytesRead{"millrace_object_bytes_read_total", MetricType::kCounter,
                                   "Bytes read from objects"};
inline constexpr Metric kWrites{"millrace_writes_total", MetricType::kCounter,
                                "Batch writes to the destination, including retries"};
inline constexpr Metric kRetries{"millrace_write_retries_total", MetricType::kCounter,
                                 "Batch writes that repeat an earlier write"};
inline constexpr Metric kInFlight{"millrace_writes_in_flight", MetricType::kGauge,
                                  "Writes waiting for the response of the destination"};
inline constexpr Metric kHttpResponses{
    "millrace_http_responses_total", MetricType::kCounter,
    "Responses of servers to the requests of this process, by host and status"};
inline constexpr Metric kMemory{"process_resident_memory_bytes", MetricType::kGauge,
                                "Resident memory of the process"};
inline constexpr Metric kMemoryLimit{
    "millrace_memory_limit_bytes", MetricType::kGauge,
    "Memory that the process may use: that of the machine or its control group"};
inline constexpr Metric kCpu{"process_cpu_seconds_total", MetricType::kCounter,
                             "Time of processors that the process has used"};
inline constexpr Metric kProcessors{
    "millrace_processors", MetricType::kGauge,
    "Processors that the process may use: those of the machine or the quota of its control group"};
inline constexpr Metric kStart{"process_start_time_seconds", MetricType::kGauge,
                               "When the process started, in seconds since 1970"};

// Metrics of a run that ends, in the file of --metrics-file.
inline constexpr Metric kRunEnd{"millrace_run_end_timestamp_seconds", MetricType::kGauge,
                                "When the last run ended, in seconds since 1970"};
inline constexpr Metric kRunExitStatus{"millrace_run_exit_status", MetricType::kGauge,
                                       "Exit status of the last run"};
inline constexpr Metric kRunDuration{"millrace_run_duration_seconds", MetricType::kGauge,
                                     "How long the last run took"};
inline constexpr Metric kRunInterval{"millrace_run_interval_seconds", MetricType::kGauge,
                                     "How often runs are scheduled, as --run-interval says"};
inline constexpr Metric kRunMemory{"millrace_run_peak_memory_bytes", MetricType::kGauge,
                                   "Peak of resident memory of the last run"};
inline constexpr Metric kRunCpu{"millrace_run_cpu_seconds", MetricType::kGauge,
                                "Time of processors that the last run used"};

// Metrics of export only.
inline constexpr Metric kExportWindows{"millrace_export_windows_total", MetricType::kCounter,
                                       "Windows that were retrieved, also empty ones"};
inline constexpr Metric kExportRecords{"millrace_export_records_total", MetricType::kCounter,
                                       "Records that were retrieved"};
inline constexpr Metric kExportQueries{"millrace_export_queries_total", MetricType::kCounter,
                                       "Queries of Mixpanel, with repeated ones"};
inline constexpr Metric kExportRetrieved{
    "millrace_export_retrieved_timestamp_seconds", MetricType::kGauge,
    "When the last window was retrieved, in seconds since 1970; 0: none in this run"};

// Metrics of staypoints only.
inline constexpr Metric kStaypointsTrips{"millrace_staypoints_trips_total", MetricType::kCounter,
                                         "Trips that were read, including rejected ones"};
inline constexpr Metric kStaypointsRejected{"millrace_staypoints_rejected_total",
                                            MetricType::kCounter, "Trips that were rejected"};
inline constexpr Metric kStaypointsFound{"millrace_staypoints_found_total", MetricType::kCounter,
                                         "Staypoints that were written"};
inline constexpr Metric kStaypointsSpilled{"millrace_staypoints_spilled_bytes_total",
                                           MetricType::kCounter,
                                           "Bytes that did not fit memory and went to disk"};

// Metrics of watch only.
inline constexpr Metric kNotifications{"millrace_watch_notifications_total", MetricType::kCounter,
                                       "Notifications of objects, from all triggers"};
inline constexpr Metric kOutcomes{"millrace_watch_objects_total", MetricType::kCounter,
                                  "Objects, by outcome"};
inline constexpr Metric kObjectRetries{"millrace_watch_object_retries_total", MetricType::kCounter,
                                       "Objects that the watch itself retried"};
inline constexpr Metric kWaiting{"millrace_watch_objects_waiting", MetricType::kGauge,
                                 "Objects waiting to be imported or retried"};
inline constexpr Metric kInProgress{"millrace_watch_objects_in_progress", MetricType::kGauge,
                                    "Objects being imported"};
inline constexpr Metric kFailing{"millrace_watch_objects_failing", MetricType::kGauge,
                                 "Objects whose last attempt failed"};
inline constexpr Metric kConfigReloads{"millrace_watch_config_reloads_total", MetricType::kCounter,
                                       "Config changes, by outcome"};
inline constexpr Metric kConfigInvalid{
    "millrace_watch_config_invalid", MetricType::kGauge,
    "1 while the changed config is invalid and not in use, otherwise 0"};
inline constexpr Metric kObjectLatency{
    "millrace_watch_object_latency_seconds", MetricType::kHistogram,
    "Time from the write of an object until the ledger records it as done"};
inline constexpr Metric kRequestDuration{
    "millrace_watch_request_duration_seconds", MetricType::kHistogram,
    "Time from the arrival of a request until all its objects have a result"};

// Metrics of the proxy only.
inline constexpr Metric kProxyRequests{"millrace_proxy_requests_total", MetricType::kCounter,
                                       "Requests of the public listener, by path and status"};
inline constexpr Metric kProxyRequestDuration{
    "millrace_proxy_request_duration_seconds", MetricType::kHistogram,
    "Time from the arrival of a request with records until its answer is ready"};
inline constexpr Metric kProxyConnections{"millrace_proxy_connections", MetricType::kGauge,
                                          "Open connections of the public listener"};
inline constexpr Metric kProxyInFlight{
    "millrace_proxy_in_flight_bytes", MetricType::kGauge,
    "Bytes of records that are not on stable storage yet, of requests that wait for it"};
inline constexpr Metric kProxyRecords{"millrace_proxy_records_total", MetricType::kCounter,
                                      "Records that were stored before they were acknowledged, by "
                                      "outcome"};
inline constexpr Metric kProxyRefusals{"millrace_proxy_refusals_total", MetricType::kCounter,
                                       "Requests answered with 503 or 413, by reason"};
inline constexpr Metric kProxySpoolBytes{"millrace_proxy_spool_bytes", MetricType::kGauge,
                                         "Bytes of the segments of the spool"};
inline constexpr Metric kProxySpoolLimit{
    "millrace_proxy_spool_limit_bytes", MetricType::kGauge,
    "Bytes of segments at which requests are answered with 503"};
inline constexpr Metric kProxyDamaged{"millrace_proxy_damaged_records", MetricType::kGauge,
                                      "Records of the spool that this start found damaged"};
inline constexpr Metric kProxySyncDuration{"millrace_proxy_fsync_duration_seconds",
                                           MetricType::kHistogram,
                                           "Time of one flush of the spool to stable storage"};
inline constexpr Metric kProxyPending{"millrace_proxy_pending_records", MetricType::kGauge,
                                      "Records that a destination has not got"};
inline constexpr Metric kProxyOldest{"millrace_proxy_oldest_pending_seconds", MetricType::kGauge,
                                     "Age of the oldest record that a destination has not got"};

}  // namespace metrics

// All metrics, for documentation and its test.
absl::Span<const Metric> AllMetrics();

// Writes a page. Samples of one metric stand together, in the order of the first of each.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Every sample has the label `run`, unless that is empty.
  explicit MetricsText(std::string run = "");
  ~MetricsText();

  void Add(const Metric& metric, double value, Labels labels = {});
  void Add(const Metric& metric, const Histogram& histogram);

  // The page; what was added is gone.
  std::string Take();

 private:
  struct Families;
  const std::string run_;
  const std::unique_ptr<Families> families_;
};

// Time of processors that this process has used.
double CpuSeconds();

// Adds the metrics of the process itself.
void AddProcessMetrics(MetricsText& page);

}  // namespace millrace

#endif  // MILLRACE_BASE_METRICS_TEXT_H_
