#include "base/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "base/strings.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Metric kSome{"millrace_some_total", MetricType::kCounter, "Some things"};
constexpr Metric kTimes{"millrace_times_seconds", MetricType::kHistogram, "Times"};

TEST(MetricsText, WritesHeadsOnceAndSamplesWithLabels) {
  MetricsText page;
  page.Add(kSome, 3, {{"outcome", "done"}});
  page.Add(kSome, 12345678901, {{"outcome", "a\"b\\c\nd"}, {"more", "x"}});
  EXPECT_EQ(page.Take(),
            "# HELP millrace_some_total Some things\n"
            "# TYPE millrace_some_total counter\n"
            "millrace_some_total{outcome=\"done\"} 3\n"
            "millrace_some_total{outcome=\"a\\\"b\\\\c\\nd\",more=\"x\"} 12345678901\n");
}

TEST(MetricsText, KeepsSamplesOfAMetricTogether) {
  constexpr Metric kOther{"millrace_other", MetricType::kGauge, "Others"};
  MetricsText page;
  page.Add(kSome, 1, {{"n", "1"}});
  page.Add(kOther, 0.5);
  page.Add(kSome, 2, {{"n", "2"}});
  EXPECT_EQ(page.Take(),
            "# HELP millrace_some_total Some things\n"
            "# TYPE millrace_some_total counter\n"
            "millrace_some_total{n=\"1\"} 1\n"
            "millrace_some_total{n=\"2\"} 2\n"
            "# HELP millrace_other Others\n"
            "# TYPE millrace_other gauge\n"
            "millrace_other 0.5\n");
  EXPECT_EQ(page.Take(), "");
}

TEST(MetricsText, HistogramsCountWhatIsBelowEachBound) {
  Histogram histogram{0.5, 1, 10};
  for (const double value : {0.1, 0.5, 0.75, 3.0, 100.0}) histogram.Observe(value);
  MetricsText page;
  page.Add(kTimes, histogram);
  EXPECT_EQ(page.Take(),
            "# HELP millrace_times_seconds Times\n"
            "# TYPE millrace_times_seconds histogram\n"
            "millrace_times_seconds_count 5\n"
            "millrace_times_seconds_sum 104.35\n"
            "millrace_times_seconds_bucket{le=\"0.5\"} 2\n"
            "millrace_times_seconds_bucket{le=\"1\"} 3\n"
            "millrace_times_seconds_bucket{le=\"10\"} 4\n"
            "millrace_times_seconds_bucket{le=\"+Inf\"} 5\n");
}

TEST(MetricsText, NamesTheRunInEverySample) {
  Histogram histogram{1};
  histogram.Observe(2);
  MetricsText page("nightly \"x\"");
  page.Add(kSome, 3, {{"outcome", "done"}});
  page.Add(kTimes, histogram);
  EXPECT_EQ(page.Take(),
            "# HELP millrace_some_total Some things\n"
            "# TYPE millrace_some_total counter\n"
            "millrace_some_total{run=\"nightly \\\"x\\\"\",outcome=\"done\"} 3\n"
            "# HELP millrace_times_seconds Times\n"
            "# TYPE millrace_times_seconds histogram\n"
            "millrace_times_seconds_count{run=\"nightly \\\"x\\\"\"} 1\n"
            "millrace_times_seconds_sum{run=\"nightly \\\"x\\\"\"} 2\n"
            "millrace_times_seconds_bucket{run=\"nightly \\\"x\\\"\",le=\"1\"} 0\n"
            "millrace_times_seconds_bucket{run=\"nightly \\\"x\\\"\",le=\"+Inf\"} 1\n");
}

TEST(MetricsText, HasWhatTheProcessUsesAndMayUse) {
  MetricsText page;
  AddProcessMetrics(page);
  const std::string text = page.Take();
  for (const Metric& metric : {metrics::kMemory, metrics::kMemoryLimit, metrics::kCpu,
                               metrics::kProcessors, metrics::kStart}) {
    EXPECT_THAT(text, HasSubstr(StrCat("\n", metric.name, " ")));
    EXPECT_THAT(text, Not(HasSubstr(StrCat("\n", metric.name, " 0\n"))));
  }
}

TEST(Metrics, KeepToTheNamesOfPrometheus) {
  std::set<std::string_view> names;
  for (const Metric& metric : AllMetrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_EQ(metric.type == MetricType::kCounter, metric.name.ends_with("_total")) << metric.name;
    EXPECT_FALSE(metric.help.empty()) << metric.name;
  }
}

TEST(Metrics, AreAllDocumented) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/observability.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  for (const Metric& metric : AllMetrics()) {
    EXPECT_THAT(page, HasSubstr(StrCat("`", metric.name, "`")));
  }
}

}  // namespace
}  // namespace millrace
