// millrace staypoints: trips to staypoints per user.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>

#include "base/peak_memory.h"
#include "base/redact.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/report_file.h"
#include "cli/run_metrics.h"
#include "cli/shared_flags.h"
#include "cli/size_text.h"
#include "cli/staypoints_progress.h"
#include "cli/text.h"
#include "cli/trip_inputs.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "staypoints/memory_plan.h"
#include "staypoints/report_page.h"
#include "staypoints/stay_stats.h"
#include "staypoints/staypoints.h"

namespace millrace::cli {
namespace {

struct Options {
  std::vector<std::string> inputs;
  IcebergFlags iceberg;
  StateFlags state;
  RunMetricsFlags metrics;
  std::string output;
  std::string format = "json";
  std::vector<std::string> columns;
  std::string memory;
  std::string temp_folder;
  std::string report;
  int64_t threads = 0;
  absl::Duration min_stay = absl::ZeroDuration();
  absl::Duration max_gap = absl::InfiniteDuration();
  bool drop_overlaps = false;
  bool json = false;
  bool quiet = false;
  bool as_files = false;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags = {
      {"--input", &options.inputs, "INPUT",
       "one more input: a file, a folder (everything below it) or a glob; or iceberg:TABLE, the "
       "folder or metadata file of a table"},
      {"--output", &options.output, "DIR",
       "folder for the result, or a gs://, s3:// or az:// prefix, outside of all inputs; an "
       "earlier "
       "result in it is replaced when the run is done"},
      {"--output-format",
       &options.format,
       "json|csv|hive",
       "one file of JSON lines, one CSV file, or Parquet files p1=../p2=../data.parquet",
       "",
       {"--output_format"}},
      {"--column", &options.columns, "COLUMN=NAME",
       "name of a column in the files, e.g. user_id=bike; repeatable"},
      {"--min-stay", AtLeast(&options.min_stay, absl::ZeroDuration()), "TIME",
       "omit staypoints that are shorter, e.g. 5m (default: omit none)"},
      {"--max-gap", AtLeast(&options.max_gap, absl::ZeroDuration()), "TIME",
       "omit staypoints that are longer, e.g. 72h (default: omit none)"},
      {"--drop-overlaps", &options.drop_overlaps, "",
       "omit staypoints whose exit is before their enter (trips that overlap)"},
      {"--memory", &options.memory, "SIZE",
       "memory for the whole run, at least 16MB, e.g. 256MB, 2GB or unlimited; what does not fit "
       "is spilled to disk (default: a quarter of this machine's memory, at most 512MB)"},
      {"--temp-dir", &options.temp_folder, "DIR",
       "folder for data spilled to disk (default: next to the output)"},
      {"--threads", Between(&options.threads, 1, 256), "N",
       "number of threads (default: one per processor)"},
      {"--report", &options.report, "FILE",
       "HTML file, outside of the output, with charts of where, how long and when people stay"},
      {"--json", &options.json, "", "print the result as one JSON object"},
      {"--quiet", &options.quiet, "", "show no progress"},
      AsFilesFlag(&options.as_files),
  };
  options.iceberg.AddForTripsTo(flags);
  options.metrics.AddTo(flags);
  options.state.AddTo(flags);
  return flags;
}

absl::StatusOr<StaypointFormat> ParseFormat(std::string_view name) {
  if (name == "json") return StaypointFormat::kJson;
  if (name == "csv") return StaypointFormat::kCsv;
  if (name == "hive") return StaypointFormat::kHive;
  return absl::InvalidArgumentError(
      StrCat("--output-format must be json, csv or hive, not '", name, "'"));
}

absl::StatusOr<TripColumnRefs> ParseColumns(const std::vector<std::string>& columns) {
  TripColumnRefs refs = DefaultTripColumns();
  const TripColumnRefs known = DefaultTripColumns();
  for (const std::string& text : columns) {
    const size_t equals = text.find('=');
    const auto column = std::find_if(known.begin(), known.end(), [&](const ColumnRef& ref) {
      return ref.name == text.substr(0, equals);
    });
    if (equals == std::string::npos || equals + 1 == text.size() || column == known.end()) {
      return absl::InvalidArgumentError(
          StrCat("--column ", text,
                 ": write COLUMN=NAME with one of user_id, trip_start_time, trip_end_time, "
                 "start_lat, start_lng, end_lat, end_lng, e.g. --column user_id=bike"));
    }
    refs[static_cast<size_t>(column - known.begin())].name = text.substr(equals + 1);
  }
  return refs;
}

absl::StatusOr<uint64_t> ParseMemory(std::string_view text) {
  if (text.empty()) return DefaultMemory();
  if (text == "unlimited") return UINT64_MAX;
  const std::optional<double> bytes = ParseSize(text);
  if (!bytes) {
    return absl::InvalidArgumentError(
        StrCat("--memory must be a size such as 256MB or 2GB, or unlimited, not '", text, "'"));
  }
  if (!(*bytes >= 16e6) || *bytes > 1e18) {
    return absl::InvalidArgumentError(
        StrCat("--memory ", text, " is out of range: give 16MB to 1000000TB, or unlimited"));
  }
  return static_cast<uint64_t>(*bytes);
}

void AddStaypointsMetrics(const StaypointsProgress& progress, MetricsText& page) {
  const auto add = [&page](const Metric& metric, uint64_t value) {
    page.Add(metric, static_cast<double>(value));
  };
  add(metrics::kStaypointsTrips, progress.rows);
  add(metrics::kStaypointsRejected, progress.rejected);
  add(metrics::kStaypointsFound, progress.staypoints);
  add(metrics::kStaypointsSpilled, progress.bytes_spilled);
}

// Returns what went wrong, for the summary: the output is complete at this point.
std::string WriteReport(const ReportFile& file, const StayStatsObserver& stats,
                        const StaypointsReport& run, const Options& options) {
  std::string inputs;
  for (const std::string& input : options.inputs) {
    StrAppend(&inputs, inputs.empty() ? "" : ", ", input);
  }
  const absl::Status status = file.Write(MakeReportPage(stats.Total(), run,
                                                        {.input = std::move(inputs),
                                                         .output = options.output,
                                                         .version = MILLRACE_VERSION,
                                                         .made = absl::Now()}));
  return std::string(ToStd(status.message()));
}

struct Prepared {
  std::unique_ptr<TripSource> source;
  std::optional<ReportFile> report;
  StaypointFormat format;
  StayRules rules;
  uint64_t memory;
  size_t workers;
};

absl::StatusOr<Prepared> Prepare(const Options& options, const Context& context) {
  if (options.inputs.empty()) {
    return absl::InvalidArgumentError("no input: give --input 'trips/**/*.parquet'");
  }
  if (options.output.empty()) return absl::InvalidArgumentError("no output: give --output DIR");
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.format, ParseFormat(options.format));
  ASSIGN_OR_RETURN(TripColumnRefs columns, ParseColumns(options.columns));
  ASSIGN_OR_RETURN(prepared.memory, ParseMemory(options.memory));
  if (options.min_stay > absl::ZeroDuration()) {
    prepared.rules.min_stay = absl::ToInt64Microseconds(options.min_stay);
  }
  if (options.max_gap < absl::InfiniteDuration()) {
    prepared.rules.max_gap = absl::ToInt64Microseconds(options.max_gap);
  }
  prepared.rules.drop_overlaps = options.drop_overlaps;
  ASSIGN_OR_RETURN(
      prepared.source,
      OpenTripInputs(options.inputs, options.iceberg, std::move(columns),
                     {.environment = context.environment, .stop = context.stop}, options.as_files));
  if (!options.report.empty()) {
    absl::StatusOr<ReportFile> report = ReportFile::Find(options.report);
    if (!report.ok()) return Annotate(report.status(), "--report");
    prepared.report = *std::move(report);
  }
  prepared.workers = options.threads > 0 ? static_cast<size_t>(options.threads)
                                         : std::max(std::thread::hardware_concurrency(), 1u);
  return prepared;
}

// `report_error`: why --report could not be written; empty: it was written or not requested.
void PrintJson(const StaypointsReport& report, const std::string& report_error, std::ostream& out) {
  nlohmann::ordered_json json = {{"success", report.status.ok()},
                                 {"trips", report.trips},
                                 {"rejected", report.rejected},
                                 {"users", report.stays.users},
                                 {"staypoints", report.stays.staypoints},
                                 {"files", report.files},
                                 {"files_hidden", report.files_hidden},
                                 {"deleted", report.deleted},
                                 {"without_start", report.without_start},
                                 {"overlaps", report.stays.overlaps},
                                 {"left_out", report.stays.left_out},
                                 {"bytes_spilled", report.bytes_spilled},
                                 {"elapsed_s", absl::ToDoubleSeconds(report.elapsed)},
                                 {"peak_memory_bytes", PeakMemory()},
                                 {"first_error", report.first_error}};
  if (!report_error.empty()) json["report_error"] = report_error;
  out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void PrintText(const StaypointsReport& report, const Options& options, std::ostream& out) {
  const auto line = [&](std::string_view name, uint64_t number, std::string_view note = "") {
    std::string text(name);
    text.resize(16, ' ');
    const std::string shown = WithCommas(number);
    out << text << std::string(shown.size() < 15 ? 15 - shown.size() : 0, ' ') << shown << note
        << "\n";
  };
  line("trips", report.trips);
  line("rejected", report.rejected, report.rejected > 0 ? "   see millrace dlq list" : "");
  if (report.deleted > 0) line("deleted", report.deleted, "   by the table; not counted as trips");
  if (report.without_start > 0) line("without start", report.without_start);
  line("users", report.stays.users);
  line("staypoints", report.stays.staypoints);
  line("overlaps", report.stays.overlaps, "   exit before enter");
  if (report.stays.left_out > 0) line("left out", report.stays.left_out);
  line("files", report.files, StrCat("   in ", options.output));
  if (report.files_hidden > 0) {
    line("hidden names", report.files_hidden, "   skipped: they begin with \".\" or \"_\"");
  }
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(report.elapsed));
  if (!report.first_error.empty()) {
    out << "first rejected  " << Printable(report.first_error) << "\n";
  }
  out << WithCommas(static_cast<uint64_t>(static_cast<double>(report.trips) / seconds))
      << " trips/s, " << Span(report.elapsed) << ", " << Bytes(PeakMemory()) << " of memory, "
      << Bytes(report.bytes_spilled) << " spilled\n";
}

// Prints the JSON result if --json is given, and returns the error.
absl::Status Failed(StaypointsReport report, const Options& options, Context& context) {
  if (absl::IsCancelled(report.status)) {
    report.status = absl::CancelledError("stopped; nothing was written, run it again");
  }
  if (ExitCodeOf(report.status) != kWrongUsage && options.json) {
    report.first_error = RedactSecrets(ToStd(report.status.message()));
    PrintJson(report, "", context.out);
  }
  return report.status;
}

absl::StatusOr<int> RunStaypoints(const Options& options, RunMetrics& metrics, Context& context) {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(options, context));
  ASSIGN_OR_RETURN(const std::string folder, options.state.DeadLetterFolder(context));
  ASSIGN_OR_RETURN(const std::unique_ptr<DeadLetterQueue> dead_letter,
                   OpenDiskDeadLetterQueue(folder));

  StaypointsProgress progress;
  ASSIGN_OR_RETURN(const auto following, metrics.Follow([&progress](MetricsText& page) {
    AddStaypointsMetrics(progress, page);
  }));
  std::optional<StaypointsDisplay> display;
  if (!options.quiet) {
    display.emplace(progress, context.err, context.err_is_terminal);
  }
  StayStatsObserver stats;
  const StaypointsReport report = FindStaypoints(
      {.source = *prepared.source,
       .dead_letter = *dead_letter,
       .output = options.output,
       .report = options.report,
       .format = prepared.format,
       .rules = prepared.rules,
       .memory = prepared.memory,
       .workers = prepared.workers,
       .temp_folder = options.temp_folder,
       // Without the stop token, which would also end the removal of what was written.
       .stores = {.environment = context.environment},
       .observer = options.report.empty() ? nullptr : &stats},
      progress, context.stop);
  display.reset();
  if (!report.status.ok()) return Failed(report, options, context);
  std::string report_error;
  if (prepared.report) report_error = WriteReport(*prepared.report, stats, report, options);
  if (options.json) {
    PrintJson(report, report_error, context.out);
  } else {
    PrintText(report, options, context.out);
  }
  if (!report_error.empty()) {
    context.err << "millrace staypoints: the output is complete, but not the report: "
                << Printable(report_error) << "\n";
  }
  return report.rejected > 0 || !report_error.empty() ? kRejectedRecords : kAllAccepted;
}

}  // namespace

Command StaypointsCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "staypoints",
      .group = "Transform files",
      .summary = "turn trips into staypoints per user, in bounded memory",
      .about =
          "Reads Parquet or CSV files with user_id, trip_start_time, trip_end_time, start_lat, "
          "start_lng,\nend_lat and end_lng. A staypoint is the stay between two consecutive trips "
          "of a user: it begins where\nand when the first trip ends, and ends when the second trip "
          "starts. The output appears when the run is\ndone and replaces an earlier one; a run "
          "that "
          "is stopped leaves no output.",
      .examples = {"millrace staypoints --input 'trips/**/*.parquet' --output staypoints",
                   "millrace staypoints --input trips.csv.gz --output out --output-format csv "
                   "--column user_id=bike --column trip_start_time=start_time",
                   "millrace staypoints --input trips/ --output lake --output-format hive --memory "
                   "512MB --min-stay 5m --max-gap 72h",
                   "millrace staypoints --input iceberg:warehouse/trips --since 2026-10-01 --until "
                   "2026-11-01 --output out --report report.html"},
      .arguments = &options->inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run =
          [options](Context& context) {
            return options->metrics.Run(
                [&](RunMetrics& metrics) { return RunStaypoints(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
