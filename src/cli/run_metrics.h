// Metrics of a run that ends by itself: --metrics, --metrics-file and --run-interval.
#ifndef MILLRACE_CLI_RUN_METRICS_H_
#define MILLRACE_CLI_RUN_METRICS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics_text.h"
#include "cli/command.h"
#include "cli/metrics_flag.h"

namespace millrace::cli {

// What the verb shows of one run.
class RunMetrics {
 public:
  using Fill = std::function<void(MetricsText& page)>;

  // Serves the metrics until it is destroyed; then their last values are kept for the file.
  class Following {
   public:
    Following(RunMetrics& run, Fill fill) : run_(run), fill_(std::move(fill)) {}
    ~Following();
    Following(const Following&) = delete;
    Following& operator=(const Following&) = delete;

   private:
    friend class RunMetrics;
    RunMetrics& run_;
    const Fill fill_;
    std::unique_ptr<HttpServer> server_;  // null without --metrics
  };

  // `run`: the label of all samples of the file.
  RunMetrics(const MetricsFlag& live, std::string run) : live_(live), page_(std::move(run)) {}

  // `fill` is called on other threads, too, until the result is destroyed. Called at most once.
  absl::StatusOr<std::unique_ptr<Following>> Follow(Fill fill);

  // Adds the metrics that all runs have, and returns the content of the file.
  std::string Finish(int exit_status, absl::Duration duration, absl::Duration interval);

 private:
  const MetricsFlag& live_;
  MetricsText page_;  // of the file
};

struct RunMetricsFlags {
  MetricsFlag live;
  std::string file;
  absl::Duration interval = absl::ZeroDuration();

  void AddTo(std::vector<Flag>& flags);
  // Runs `work`, and replaces --metrics-file with what became of it, also if that is an error. A
  // file that cannot be written then is logged and changes nothing else; InvalidArgument, and
  // `work` is not called, if that is known before.
  absl::StatusOr<int> Run(const std::function<absl::StatusOr<int>(RunMetrics&)>& work) const;

 private:
  absl::StatusOr<std::string> RunName() const;
};

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_RUN_METRICS_H_
