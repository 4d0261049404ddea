// millrace plan: what an import would do.
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/plan_json.h"
#include "cli/plan_report.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "import/plan.h"

namespace millrace::cli {
namespace {

struct Options {
  SourceFlags source;
  MixpanelFlags mixpanel;
  StateFlags state;
  bool json = false;
  bool force = false;
  bool full = false;
  int64_t sample_rows = 50'000;
  int64_t sample_objects = 100;
  int64_t previews = 3;
  double events_per_second = 30'000;
  double gigabytes_per_minute = 2;
  int64_t batch_events = 2000;
  int64_t batch_bytes = 9'600'000;
  int64_t connections = 20;
  int64_t memory_mb = 64;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.source.AddTo(flags);
  options.mixpanel.AddTo(flags);
  options.state.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the plan as one JSON object"},
      {"--sample-rows", &options.sample_rows, "N", "rows to read of each object"},
      {"--sample-objects", &options.sample_objects, "N",
       "objects to read of each config entry, spread over all; the others are reckoned by bytes"},
      {"--full", &options.full, "", "read all rows of all objects instead of a sample"},
      {"--previews", &options.previews, "N", "records to show of each config entry"},
      {"--force", &options.force, "", "plan as if the ledger were empty, as import --force does"},
      {"--events-per-second", &options.events_per_second, "N",
       "the quota to reckon with, Mixpanel's by default; 0 for no limit"},
      {"--gigabytes-per-minute", &options.gigabytes_per_minute, "N",
       "the quota of uncompressed JSON to reckon with; 0 for no limit"},
      {"--batch-events", &options.batch_events, "N", "events per request at most (2000)"},
      {"--batch-bytes", &options.batch_bytes, "N", "uncompressed bytes per request at most"},
      {"--connections", &options.connections, "N", "writes in flight that memory is reckoned for"},
      {"--memory", &options.memory_mb, "MB", "memory for rows in flight of the import"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  return flags;
}

absl::Status Check(const Options& options) {
  for (const auto& [flag, value, least] :
       {std::tuple("--sample-rows", options.sample_rows, 1),
        std::tuple("--sample-objects", options.sample_objects, 1),
        std::tuple("--previews", options.previews, 0),
        std::tuple("--batch-events", options.batch_events, 1),
        std::tuple("--batch-bytes", options.batch_bytes, 1000),
        std::tuple("--connections", options.connections, 1),
        std::tuple("--memory", options.memory_mb, 1)}) {
    if (value < least) {
      return absl::InvalidArgumentError(StrCat(flag, " must be at least ", least));
    }
  }
  if (options.events_per_second < 0 || options.gigabytes_per_minute < 0) {
    return absl::InvalidArgumentError("a quota cannot be negative; 0 is no limit");
  }
  return absl::OkStatus();
}

absl::StatusOr<PlanRequest> MakeRequest(const Options& options, const Context& context) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  absl::StatusOr<ImportRequest> import =
      MakeImportRequest(options.source, options.mixpanel, context);
  if (!import.ok()) return import.status();
  PlanRequest request{.import = *std::move(import)};
  request.sample_rows = options.full ? 0 : static_cast<uint64_t>(options.sample_rows);
  request.sample_objects = options.full ? 0 : static_cast<uint64_t>(options.sample_objects);
  request.previews = static_cast<size_t>(options.previews);
  request.import.force = options.force;
  request.import.events_per_second = options.events_per_second;
  request.import.bytes_per_second = options.gigabytes_per_minute * 1e9 / 60;
  request.import.most_events_per_request = static_cast<size_t>(options.batch_events);
  request.import.most_bytes_per_request = static_cast<size_t>(options.batch_bytes);
  request.import.run.most_writes = static_cast<int>(options.connections);
  request.import.run.most_bytes = static_cast<size_t>(options.memory_mb) << 20;
  return request;
}

void Print(const ImportPlan& plan, const PlanRequest& request, const Options& options,
           Context& context) {
  if (options.json) {
    context.out << PlanAsJson(plan) << "\n" << std::flush;
    return;
  }
  const ImportRequest& import = request.import;
  const bool known = !import.project_id.empty() || !import.credentials.token.empty();
  context.out << PlanAsReport(plan, {.destination = import.endpoints.ingestion,
                                     .config = import.config_path,
                                     .events_per_second = import.events_per_second,
                                     .bytes_per_second = import.bytes_per_second,
                                     .ledger_known = known || import.force,
                                     .color = context.color && context.out_is_terminal})
              << std::flush;
}

// One line on a terminal that says how far the reading is, until it is destroyed.
class ProgressLine {
 public:
  ProgressLine(const PlanProgress& progress, std::ostream& err)
      : thread_([&progress, &err](std::stop_token stop) {
          bool drawn = false;
          while (Clock::Real().SleepFor(absl::Milliseconds(500), stop)) {
            err << "\r\x1b[Kread " << WithCommas(progress.rows) << " rows of "
                << WithCommas(progress.objects + 1) << " objects" << std::flush;
            drawn = true;
          }
          if (drawn) err << "\r\x1b[K" << std::flush;
        }) {}

 private:
  std::jthread thread_;
};

int RunPlan(const Options& options, Context& context) {
  const absl::StatusOr<PlanRequest> request = MakeRequest(options, context);
  if (!request.ok()) return Fail(context, "plan", request.status());
  const absl::StatusOr<std::unique_ptr<Ledger>> ledger = options.state.OpenLedger(context);
  if (!ledger.ok()) return Fail(context, "plan", ledger.status());
  PlanProgress progress;
  std::optional<ProgressLine> line;
  if (context.err_is_terminal) line.emplace(progress, context.err);
  const absl::StatusOr<ImportPlan> plan = PlanImport(*request, **ledger, context.stop, progress);
  line.reset();
  if (!plan.ok()) return Fail(context, "plan", plan.status());
  Print(*plan, *request, options, context);
  if (plan->stopped) return kStopped;
  return plan->success() ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command PlanCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "plan",
      .summary = "tell what an import would do, and send nothing",
      .about =
          "Reads a sample of each object, maps it as an import would, and reports rows, events, "
          "requests,\nbytes, hours at Mixpanel's quota, memory, what the ledger has as done, "
          "previews of records, and\nwhat would be rejected and why. Exit status: 0 nothing would "
          "be rejected, 1 something would,\n2 wrong usage or config.",
      .examples = {"millrace plan 'events/**/*.parquet' --config sources.json",
                   "millrace plan export.ndjson.gz --full",
                   "millrace plan data/ --config sources.json --json | jq .problems"},
      .arguments = &options->source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunPlan(*options, context); },
  };
}

}  // namespace millrace::cli
