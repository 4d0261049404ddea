// millrace import: files into Mixpanel and other destinations.
#include <memory>
#include <optional>
#include <ostream>

#include "base/status.h"
#include "cli/commands.h"
#include "cli/dead_letter_flags.h"
#include "cli/delivery_flags.h"
#include "cli/iceberg_flags.h"
#include "cli/import_report.h"
#include "cli/progress_display.h"
#include "cli/run_metrics.h"
#include "cli/shared_flags.h"
#include "import/import_metrics.h"

namespace millrace::cli {
namespace {

struct Options {
  ImportFlags import;
  IcebergFlags iceberg;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  RunMetricsFlags metrics;
  bool json = false;
  bool force = false;
  bool dry_run = false;
  bool quiet = false;
  bool no_wait = false;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.import.AddTo(flags);
  options.iceberg.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the result as one JSON object"},
      {"--dry-run", &options.dry_run, "", "read, map and count; send nothing and record nothing"},
      {"--force", &options.force, "",
       "import again the objects that the ledger says are done, and those that were sent before "
       "their config changed"},
      {"--quiet", &options.quiet, "", "show no progress"},
      {"--no-wait", &options.no_wait, "",
       "exit with status 3 when only objects that other workers hold are left, instead of waiting "
       "for them"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  options.metrics.AddTo(flags);
  options.delivery.AddTo(flags);
  options.dead_letter.AddTo(flags);
  return flags;
}

absl::StatusOr<ImportRequest> MakeRequest(const Options& options, const Context& context) {
  ASSIGN_OR_RETURN(ImportRequest request, options.import.Request(context));
  RETURN_IF_ERROR(options.iceberg.ApplyTo(request));
  request.force = options.force;
  request.dry_run = options.dry_run;
  request.wait_for_others = !options.no_wait;
  RETURN_IF_ERROR(options.delivery.ApplyTo(request));
  return request;
}

absl::StatusOr<std::vector<std::unique_ptr<Destination>>> OpenDestinations(
    const Options& options, const SourcesConfig& sources, const Context& context) {
  ASSIGN_OR_RETURN(auto destinations, options.import.destination.Open(
                                          context, [&](mixpanel::DestinationOptions& mixpanel) {
                                            return options.delivery.ApplyTo(mixpanel);
                                          }));
  for (const auto& destination : destinations) {
    if (!options.dry_run) RETURN_IF_ERROR(CheckConfig(*destination, sources));
  }
  return destinations;
}

absl::StatusOr<int> RunImport(const Options& options, RunMetrics& metrics, Context& context) {
  ASSIGN_OR_RETURN(const ImportRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const auto destinations, OpenDestinations(options, request.sources, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, options.import.state.OpenLedger(context));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<DeadLetterQueue> dead_letter,
      options.dead_letter.Open(options.import.state, options.delivery.stop_grace, context));
  std::vector<ImportProgress> progress(destinations.size());
  for (size_t i = 0; i < progress.size(); ++i) progress[i].destination = destinations[i]->label();
  ASSIGN_OR_RETURN(const auto following, metrics.Follow([&progress](MetricsText& page) {
    AddImportMetrics(progress, page);
  }));
  std::optional<ProgressDisplay> display;
  if (!options.quiet) {
    display.emplace(progress, context.err, context.err_is_terminal, context.color);
  }
  const std::vector<ImportReport> reports =
      ImportAll(request, destinations, *ledger, *dead_letter, context.stop, progress);
  display.reset();
  return FinishImport(reports, options.json, context, "Import complete");
}

}  // namespace

Command ImportCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "import",
      .group = "Import, receive and export",
      .summary = "import files into Mixpanel, every record accounted for",
      .about =
          "INPUT is a file, a folder (everything below it) or a glob ('*', '?', '[ab]', and '**' "
          "across\nfolders), on disk or in gs://, s3:// or az://. Parquet, NDJSON, JSON arrays, "
          "CSV "
          "and TSV are detected\nfrom content, as are gzip and zstd. iceberg:TABLE is an Iceberg "
          "table, by its folder or metadata file.\nA second run sends only what the first did not "
          "finish; rejected records are stored for `millrace dlq`.",
      .examples = {"millrace import 'events/**/*.parquet' --config sources.json",
                   "MIXPANEL_TOKEN=... millrace import export.ndjson.gz",
                   "millrace import 'gs://my-bucket/events/**' --config sources.json",
                   "MIXPANEL_SERVICE_ACCOUNT=user:secret millrace import data/ --project-id 123 "
                   "--region eu --config sources.json",
                   "millrace import iceberg:gs://my-bucket/warehouse/events --config sources.json",
                   "millrace import data/ --config sources.json --dry-run --json"},
      .arguments = &options->import.source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run =
          [options](Context& context) {
            return options->metrics.Run(
                [&](RunMetrics& metrics) { return RunImport(*options, metrics, context); });
          },
  };
}

}  // namespace millrace::cli
