#include "cli/run_metrics.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/log.h"
#include "base/memory_limit.h"
#include "base/peak_memory.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/durable_file.h"
#include "net/response_counts.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kExtension = ".prom";

absl::Status Replace(const std::string& path, std::string_view content) {
  ASSIGN_OR_RETURN(const std::unique_ptr<NewFile> file,
                   CreateNewFile(path, FileAudience::kEveryone));
  RETURN_IF_ERROR(file->Append(content));
  return file->Commit();
}

}  // namespace

RunMetrics::Following::~Following() {
  server_.reset();
  fill_(run_.page_);
}

absl::StatusOr<std::unique_ptr<RunMetrics::Following>> RunMetrics::Follow(Fill fill) {
  auto following = std::make_unique<Following>(*this, std::move(fill));
  ASSIGN_OR_RETURN(following->server_, live_.Serve([&fill = following->fill_] {
    MetricsText page;
    fill(page);
    AddResponseMetrics(page);
    AddProcessMetrics(page);
    return page.Take();
  }));
  return following;
}

std::string RunMetrics::Finish(int exit_status, absl::Duration duration, absl::Duration interval) {
  // Without those of the process: node_exporter has its own under these names.
  AddResponseMetrics(page_);
  page_.Add(metrics::kMemoryLimit, static_cast<double>(AvailableMemory()));
  page_.Add(metrics::kRunEnd, static_cast<double>(absl::ToUnixSeconds(absl::Now())));
  page_.Add(metrics::kRunExitStatus, exit_status);
  page_.Add(metrics::kRunDuration, absl::ToDoubleSeconds(duration));
  if (interval > absl::ZeroDuration()) {
    page_.Add(metrics::kRunInterval, absl::ToDoubleSeconds(interval));
  }
  page_.Add(metrics::kRunMemory, static_cast<double>(PeakMemory()));
  page_.Add(metrics::kRunCpu, CpuSeconds());
  return page_.Take();
}

void RunMetricsFlags::AddTo(std::vector<Flag>& flags) {
  live.AddTo(flags);
  flags.push_back(
      {"--metrics-file", &file, "FILE",
       "file, NAME.prom, that is replaced with the metrics of the run when it ends, for "
       "node_exporter's textfile collector; they have the label run=\"NAME\""});
  flags.push_back({"--run-interval", Between(&interval, absl::Seconds(1), absl::Hours(24 * 366)),
                   "TIME",
                   "how often this run is scheduled, e.g. 1h, for alerts about missing runs; "
                   "written to --metrics-file"});
}

absl::StatusOr<std::string> RunMetricsFlags::RunName() const {
  if (file.empty()) {
    if (interval == absl::ZeroDuration()) return std::string();
    return absl::InvalidArgumentError("--run-interval needs --metrics-file, where it is written");
  }
  std::string name = file.substr(file.rfind('/') + 1);
  if (!name.ends_with(kExtension) || name.size() == kExtension.size()) {
    return absl::InvalidArgumentError(StrCat("--metrics-file must be NAME.prom, not '", file,
                                             "': node_exporter reads no files of other names"));
  }
  name.resize(name.size() - kExtension.size());
  // Begins a file beside it and removes that again.
  const absl::Status status = CreateNewFile(file, FileAudience::kEveryone).status();
  if (!status.ok()) {
    return absl::InvalidArgumentError(StrCat("--metrics-file: ", ToStd(status.message())));
  }
  return name;
}

absl::StatusOr<int> RunMetricsFlags::Run(
    const std::function<absl::StatusOr<int>(RunMetrics&)>& work) const {
  ASSIGN_OR_RETURN(std::string name, RunName());
  RunMetrics metrics(live, std::move(name));
  const absl::Time start = absl::Now();
  const absl::StatusOr<int> code = work(metrics);
  if (file.empty()) return code;
  const std::string page =
      metrics.Finish(code.ok() ? *code : ExitCodeOf(code.status()), absl::Now() - start, interval);
  if (const absl::Status written = Replace(file, page); !written.ok()) {
    Log(Severity::kError, "the metrics of the run were not written",
        {{"file", file}, {"error", ToStd(written.message())}});
  }
  return code;
}

}  // namespace millrace::cli
