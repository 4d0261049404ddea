// millrace import: files into Mixpanel.
#include <memory>
#include <optional>
#include <ostream>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/dead_letter_flags.h"
#include "cli/delivery_flags.h"
#include "cli/import_report.h"
#include "cli/progress_display.h"
#include "cli/shared_flags.h"
#include "import/import_metrics.h"
#include "net/metrics_server.h"

namespace millrace::cli {
namespace {

struct Options {
  SourceFlags source;
  MixpanelFlags mixpanel;
  StateFlags state;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  bool json = false;
  bool force = false;
  bool dry_run = false;
  bool quiet = false;
  bool no_wait = false;
  std::string metrics;
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.source.AddTo(flags);
  options.mixpanel.AddTo(flags);
  options.state.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the result as one JSON object"},
      {"--dry-run", &options.dry_run, "", "read, map and count; send nothing and record nothing"},
      {"--force", &options.force, "", "import again what the ledger says is done"},
      {"--quiet", &options.quiet, "", "no progress"},
      {"--no-wait", &options.no_wait, "",
       "end with status 3 when only objects that other workers hold are left, instead of waiting "
       "for "
       "them"},
      {"--metrics", &options.metrics, "HOST:PORT",
       "serve /metrics for Prometheus and /healthz there while it runs"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  options.delivery.AddTo(flags);
  options.dead_letter.AddTo(flags);
  return flags;
}

absl::StatusOr<ImportRequest> MakeRequest(const Options& options, const Context& context) {
  absl::StatusOr<ImportRequest> request =
      MakeImportRequest(options.source, options.mixpanel, context);
  if (!request.ok()) return request;
  if (request->credentials.empty() && !options.dry_run) {
    return absl::InvalidArgumentError(
        "no credentials: set MIXPANEL_TOKEN, or MIXPANEL_SERVICE_ACCOUNT=user:secret with "
        "--project-id, or give --credentials-file FILE");
  }
  request->force = options.force;
  request->dry_run = options.dry_run;
  request->wait_for_others = !options.no_wait;
  request->run.ledger_interval = options.state.StoreInterval(request->run.ledger_interval);
  RETURN_IF_ERROR(options.delivery.ApplyTo(*request));
  return request;
}

// Null: nothing is to be served.
absl::StatusOr<std::unique_ptr<HttpServer>> ServeMetrics(const Options& options,
                                                         const ImportProgress& progress) {
  if (options.metrics.empty()) return nullptr;
  ASSIGN_OR_RETURN(std::unique_ptr<HttpServer> server,
                   StartMetricsServer(options.metrics, [&progress] {
                     MetricsText page;
                     AddImportMetrics(progress, page);
                     AddProcessMetrics(page);
                     return page.Take();
                   }));
  Log(Severity::kInfo, "serving metrics", {{"url", server->url() + "/metrics"}});
  return server;
}

int RunImport(const Options& options, Context& context) {
  absl::StatusOr<ImportRequest> request = MakeRequest(options, context);
  if (!request.ok()) return Fail(context, "import", request.status());
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = options.state.OpenLedger(context);
  if (!ledger.ok()) return Fail(context, "import", ledger.status());
  absl::StatusOr<std::unique_ptr<DeadLetter>> dead_letter =
      options.dead_letter.Open(options.state, context);
  if (!dead_letter.ok()) return Fail(context, "import", dead_letter.status());

  ImportProgress progress;
  absl::StatusOr<std::unique_ptr<HttpServer>> metrics = ServeMetrics(options, progress);
  if (!metrics.ok()) return Fail(context, "import", metrics.status());
  std::optional<ProgressDisplay> display;
  if (!options.quiet) {
    display.emplace(progress, context.err, context.err_is_terminal, context.color);
  }
  const ImportReport report = Import(*request, **ledger, **dead_letter, context.stop, progress);
  display.reset();
  if (ExitCodeOf(report) == kWrongUsage) return Fail(context, "import", report.status);
  PrintImportReport(report, options.json, context);
  return ExitCodeOf(report);
}

}  // namespace

Command ImportCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "import",
      .summary = "import files into Mixpanel, every record accounted for",
      .about =
          "INPUT is a file, a folder (all below it) or a glob ('*', '?', '[ab]', and '**' across "
          "folders),\non disk or in gs://, s3:// or az://.\nParquet, NDJSON, JSON arrays, CSV and "
          "TSV are told by their content, "
          "gzip and zstd too.\nA second run sends only what the first did not finish; rejected "
          "records are kept for `millrace dlq`.",
      .examples = {"millrace import 'events/**/*.parquet' --config sources.json",
                   "MIXPANEL_TOKEN=... millrace import export.ndjson.gz",
                   "millrace import 'gs://my-bucket/events/**' --config sources.json",
                   "MIXPANEL_SERVICE_ACCOUNT=user:secret millrace import data/ --project-id 123 "
                   "--region eu --config sources.json",
                   "millrace import data/ --config sources.json --dry-run --json"},
      .arguments = &options->source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunImport(*options, context); },
  };
}

}  // namespace millrace::cli
