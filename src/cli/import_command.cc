// millrace import: files into Mixpanel.
#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>

#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/import_report.h"
#include "cli/progress_display.h"
#include "cli/shared_flags.h"
#include "connectors/disk/disk_dead_letter.h"
#include "io/gzip_encoder.h"

namespace millrace::cli {
namespace {

struct Options {
  SourceFlags source;
  MixpanelFlags mixpanel;
  StateFlags state;
  bool json = false;
  bool force = false;
  bool dry_run = false;
  bool quiet = false;
  std::string compression = "auto";
  int64_t connections = 20;
  double events_per_second = 30'000;
  double gigabytes_per_minute = 2;
  int64_t batch_events = 2000;
  int64_t batch_bytes = 9'600'000;
  int64_t memory_mb = 64;
  absl::Duration retry_initial = absl::Seconds(2);
  absl::Duration retry_most = absl::Seconds(60);
  absl::Duration retry_for = absl::Minutes(5);
  absl::Duration stop_grace = absl::Seconds(10);
  std::string transform_topic;
  std::string api_topic;
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
      {"--connections", &options.connections, "N",
       "writes in flight at most; fewer are used while Mixpanel is near"},
      {"--events-per-second", &options.events_per_second, "N",
       "stay below this rate, Mixpanel's quota by default; 0 for no limit"},
      {"--gigabytes-per-minute", &options.gigabytes_per_minute, "N",
       "stay below this rate of uncompressed JSON; 0 for no limit"},
      {"--batch-events", &options.batch_events, "N", "events per request at most (2000)"},
      {"--batch-bytes", &options.batch_bytes, "N", "uncompressed bytes per request at most"},
      {"--compression", &options.compression, "auto|fast|small|none",
       "of request bodies: fast, or small where the network is dearer than the processor; auto is "
       "fast, but none while a run without rate limits finds that its destination takes plain "
       "bodies sooner"},
      {"--memory", &options.memory_mb, "MB", "memory for rows in flight"},
      {"--retry-initial", &options.retry_initial, "TIME",
       "wait before the first retry; doubles up to --retry-max, with jitter"},
      {"--retry-max", &options.retry_most, "TIME", "longest wait between two tries"},
      {"--retry-for", &options.retry_for, "TIME",
       "stop the run when nothing has succeeded for so long"},
      {"--stop-grace", &options.stop_grace, "TIME",
       "after Ctrl-C, how long requests under way may go on before they are given up"},
      {"--dlq_topic_transform_errors", &options.transform_topic, "TOPIC",
       "Pub/Sub topic of records that could not be mapped, as the old importer took it"},
      {"--dlq_topic_api_errors", &options.api_topic, "TOPIC",
       "Pub/Sub topic of records that Mixpanel refused, as the old importer took it"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  return flags;
}

absl::Status Check(const Options& options) {
  const auto at_least = [](std::string_view flag, double value, double least) {
    return value >= least ? absl::OkStatus()
                          : absl::InvalidArgumentError(StrCat(flag, " must be at least ", least));
  };
  for (const absl::Status& status :
       {at_least("--connections", static_cast<double>(options.connections), 1),
        at_least("--batch-events", static_cast<double>(options.batch_events), 1),
        at_least("--batch-bytes", static_cast<double>(options.batch_bytes), 1000),
        at_least("--memory", static_cast<double>(options.memory_mb), 1),
        at_least("--events-per-second", options.events_per_second, 0),
        at_least("--gigabytes-per-minute", options.gigabytes_per_minute, 0)}) {
    if (!status.ok()) return status;
  }
  if (options.connections > 100 || options.batch_events > 2000 ||
      options.batch_bytes > 10'000'000) {
    return absl::InvalidArgumentError(
        "Mixpanel takes 2000 events and 10 MB per request, and 100 connections at most: lower "
        "--batch-events, --batch-bytes or --connections");
  }
  if (!options.transform_topic.empty() || !options.api_topic.empty()) {
    return absl::UnimplementedError(
        "dead letters in Pub/Sub are not built yet; leave --dlq_topic_... out and rejected records "
        "are kept on disk (--dead-letters DIR)");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<GzipEffort>> ParseCompression(std::string_view name) {
  if (name == "auto" || name == "fast") return GzipEffort::kFast;
  if (name == "small") return GzipEffort::kSmall;
  if (name == "none") return std::nullopt;
  return absl::InvalidArgumentError(
      StrCat("--compression must be auto, fast, small or none, not '", name, "'"));
}

absl::StatusOr<ImportRequest> MakeRequest(const Options& options, const Context& context) {
  RETURN_IF_ERROR(Check(options));
  ASSIGN_OR_RETURN(const std::optional<GzipEffort> gzip, ParseCompression(options.compression));
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
  request->gzip = gzip;
  request->adapt_compression = options.compression == "auto";
  request->stop_grace = options.stop_grace;
  request->events_per_second = options.events_per_second;
  request->bytes_per_second = options.gigabytes_per_minute * 1e9 / 60;
  request->most_events_per_request = static_cast<size_t>(options.batch_events);
  request->most_bytes_per_request = static_cast<size_t>(options.batch_bytes);
  request->run.most_writes = static_cast<int>(options.connections);
  request->run.initial_writes = std::min(request->run.initial_writes, request->run.most_writes);
  request->run.most_bytes = static_cast<size_t>(options.memory_mb) << 20;
  request->run.retry = {.initial = options.retry_initial,
                        .most = options.retry_most,
                        .least_jitter = options.retry_initial / 2,
                        .most_jitter = options.retry_initial * 2.5,
                        .give_up_after = options.retry_for};
  // Stores are asked again sooner, and no later than that.
  RetryPolicy& stores = request->stores.retry;
  stores.initial = std::min(stores.initial, options.retry_initial);
  stores.most = std::min(stores.most, options.retry_most);
  stores.most_jitter = std::min(stores.most_jitter, options.retry_initial);
  stores.give_up_after = options.retry_for;
  return request;
}

int RunImport(const Options& options, Context& context) {
  absl::StatusOr<ImportRequest> request = MakeRequest(options, context);
  if (!request.ok()) return Fail(context, "import", request.status());
  absl::StatusOr<std::unique_ptr<Ledger>> ledger = options.state.OpenLedger(context);
  if (!ledger.ok()) return Fail(context, "import", ledger.status());
  absl::StatusOr<std::string> folder = options.state.DeadLetterFolder(context);
  if (!folder.ok()) return Fail(context, "import", folder.status());
  absl::StatusOr<std::unique_ptr<DeadLetter>> dead_letter = OpenDiskDeadLetter(*folder);
  if (!dead_letter.ok()) return Fail(context, "import", dead_letter.status());

  ImportProgress progress;
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
