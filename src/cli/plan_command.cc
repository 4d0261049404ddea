// millrace plan: what an import would do.
#include <memory>
#include <optional>
#include <ostream>
#include <thread>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/iceberg_flags.h"
#include "cli/plan_json.h"
#include "cli/plan_report.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "cli/throughput_flags.h"
#include "plan/cost_estimate.h"
#include "plan/plan.h"

namespace millrace::cli {
namespace {

struct Options {
  ImportFlags import;
  IcebergFlags iceberg;
  ThroughputFlags throughput;
  bool json = false;
  bool force = false;
  bool full = false;
  int64_t sample_rows = 50'000;
  int64_t sample_objects = 100;
  int64_t previews = 3;
  std::vector<std::string> prices;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.import.AddTo(flags);
  options.iceberg.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the plan as one JSON object"},
      {"--sample-rows", Between(&options.sample_rows, 1, INT64_MAX), "N",
       "maximum number of rows to read from each object"},
      {"--sample-objects", Between(&options.sample_objects, 1, INT64_MAX), "N",
       "maximum number of objects to read for each config entry, spread over all its objects; the "
       "others are estimated from their bytes"},
      {"--full", &options.full, "", "read all rows of all objects instead of a sample"},
      {"--previews", Between(&options.previews, 0, 1000), "N",
       "number of records to show for each config entry"},
      {"--price", &options.prices, "NAME=DOLLARS",
       "price of one unit of what the destination charges for, such as bigquery_write=0.025; "
       "repeatable"},
      {"--force", &options.force, "", "plan as if the ledger were empty, as import --force does"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  options.throughput.AddTo(flags);
  return flags;
}

absl::StatusOr<PlanRequest> MakeRequest(const Options& options, const Destination& destination,
                                        const Context& context) {
  PlanRequest request;
  request.destination = &destination;
  ASSIGN_OR_RETURN(request.import, options.import.Request(context));
  RETURN_IF_ERROR(options.iceberg.ApplyTo(request.import));
  options.throughput.ApplyTo(request.import);
  request.import.force = options.force;
  request.sample_rows = options.full ? 0 : static_cast<uint64_t>(options.sample_rows);
  request.sample_objects = options.full ? 0 : static_cast<uint64_t>(options.sample_objects);
  request.previews = static_cast<size_t>(options.previews);
  return request;
}

void Print(const ImportPlan& plan, const std::vector<CostLine>& costs, const PlanRequest& request,
           const Options& options, Context& context) {
  if (options.json) {
    context.out << PlanAsJson(plan, costs) << "\n" << std::flush;
    return;
  }
  const ImportRequest& import = request.import;
  const SendLimits limits = request.destination->limits();
  context.out << PlanAsReport(plan, {.destination = request.destination->label(),
                                     .config = import.config_path,
                                     .events_per_second = limits.events_per_second,
                                     .bytes_per_second = limits.bytes_per_second,
                                     .ledger_known =
                                         request.destination->knows_ledger_name() || import.force,
                                     .costs = costs,
                                     .color = context.color && context.out_is_terminal})
              << std::flush;
}

// A progress line on a terminal, until it is destroyed.
class ProgressLine {
 public:
  ProgressLine(const PlanProgress& progress, std::ostream& err)
      : thread_([&progress, &err](std::stop_token stop) {
          bool drawn = false;
          while (Clock::Real().SleepFor(absl::Milliseconds(500), stop)) {
            err << "\r\x1b[Kread " << Pluralize(progress.rows, "row") << " of "
                << Pluralize(progress.objects + 1, "object") << std::flush;
            drawn = true;
          }
          if (drawn) err << "\r\x1b[K" << std::flush;
        }) {}

 private:
  std::jthread thread_;
};

absl::StatusOr<int> RunPlan(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(
      const auto destination,
      options.import.destination.OpenOne(context, [&](mixpanel::DestinationOptions& mixpanel) {
        options.throughput.ApplyTo(mixpanel);
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(const PlanRequest request, MakeRequest(options, *destination, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<LedgerReader> ledger,
                   options.import.state.OpenLedgerToRead(context));
  ASSIGN_OR_RETURN(const Prices prices, ParsePrices(options.prices));
  const std::vector<BilledUnit> units = destination->billed_units();
  RETURN_IF_ERROR(EstimateCosts({}, units, prices).status());  // before anything is read
  PlanProgress progress;
  std::optional<ProgressLine> line;
  if (context.err_is_terminal) line.emplace(progress, context.err);
  const absl::StatusOr<ImportPlan> plan = PlanImport(request, *ledger, context.stop, progress);
  line.reset();
  if (!plan.ok()) return plan.status();
  ASSIGN_OR_RETURN(const std::vector<CostLine> costs, EstimateCosts(plan->to_do, units, prices));
  Print(*plan, costs, request, options, context);
  if (plan->stopped) return kStopped;
  return plan->success() ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command PlanCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "plan",
      .group = "Import, receive and export",
      .summary = "show what an import would do, and send nothing",
      .about =
          "Reads a sample of each object, maps it as an import would, and reports rows, events, "
          "requests,\nbytes, hours at Mixpanel's quota, memory, what is done according to the "
          "ledger, previews of records,\nand what would be rejected and why. Give it the rates, "
          "batch sizes and memory of the import.\nExit status: 0 nothing would be rejected, 1 "
          "something would be rejected, 2 wrong usage or config.",
      .examples = {"millrace plan 'events/**/*.parquet' --config sources.json",
                   "millrace plan export.ndjson.gz --full",
                   "millrace plan data/ --config sources.json --json | jq .problems"},
      .arguments = &options->import.source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunPlan(*options, context); },
  };
}

}  // namespace millrace::cli
