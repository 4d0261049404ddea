// millrace reconcile: proves that source and destination are the same.
#include <memory>
#include <ostream>

#include "base/status.h"
#include "cli/commands.h"
#include "cli/iceberg_flags.h"
#include "cli/reconcile_report.h"
#include "cli/shared_flags.h"
#include "cli/staging_flag.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "reconcile/reconcile.h"

namespace millrace::cli {
namespace {

struct Options {
  ImportFlags import;
  IcebergFlags iceberg;
  StagingFlag staging;
  bool json = false;
  bool repair = false;
  bool ignore_unexpected = false;
  int64_t list = 20;
  int64_t memory_rows = 2'000'000;
  int64_t queries_per_hour = -1;
  absl::Duration wait = absl::ZeroDuration();
  absl::Duration wait_after_repair = -absl::Seconds(1);
  absl::Duration retry_timeout = absl::Minutes(5);
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.import.AddTo(flags);
  options.iceberg.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the result as one JSON object"},
      {"--repair", &options.repair, "",
       "send missing rows again, with the ids they had, and compare again"},
      {"--ignore-unexpected", &options.ignore_unexpected, "",
       "ignore events that come from no source row, for example if others write there too"},
      {"--list", Between(&options.list, 0, 1'000'000), "N",
       "maximum number of missing rows, of unexpected and duplicate events, and of objects to "
       "list"},
      {"--wait", AtLeast(&options.wait, absl::ZeroDuration()), "TIME",
       "while rows are missing, compare again for this long: Mixpanel shows events after some "
       "minutes"},
      {"--wait-after-repair", AtLeast(&options.wait_after_repair, absl::ZeroDuration()), "TIME",
       "the same as --wait, but after a repair (default: 5m for Mixpanel, 0s for others)"},
      {"--queries-per-hour", Between(&options.queries_per_hour, 0, 1'000'000), "N",
       "maximum number of exports per hour; 0 for no limit (default: Mixpanel's limit of 60, or no "
       "limit with --mixpanel-url)"},
      {"--memory-rows", Between(&options.memory_rows, 1000, 1'000'000'000), "N",
       "rows compared at a time; each takes 32 bytes of memory"},
      RetryTimeoutFlag(&options.retry_timeout),
  };
  flags.insert(flags.end(), own.begin(), own.end());
  options.staging.AddTo(flags);
  return flags;
}

absl::StatusOr<ReconcileRequest> MakeRequest(const Options& options, const Context& context) {
  ReconcileRequest request;
  ASSIGN_OR_RETURN(request.import, options.import.Request(context));
  RETURN_IF_ERROR(options.iceberg.ApplyTo(request.import));
  RETURN_IF_ERROR(options.staging.ApplyTo(request.import.run));
  ASSIGN_OR_RETURN(request.temp_parent, options.import.state.StateFolder(context));
  request.import.run.retry.give_up_after = options.retry_timeout;
  request.max_listed = static_cast<size_t>(options.list);
  request.repair = options.repair;
  request.wait = options.wait;
  request.max_rows_in_memory = static_cast<size_t>(options.memory_rows);
  return request;
}

absl::StatusOr<std::unique_ptr<Destination>> OpenDestination(const Options& options,
                                                             const Context& context) {
  const DestinationFlags& flags = options.import.destination;
  return flags.OpenOne(context, [&](mixpanel::DestinationOptions& mixpanel) {
    if (options.queries_per_hour >= 0) {
      mixpanel.queries_per_hour = static_cast<size_t>(options.queries_per_hour);
    } else if (!flags.mixpanel.url.empty()) {
      mixpanel.queries_per_hour = 0;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<int> RunReconcile(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(ReconcileRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const auto destination, OpenDestination(options, context));
  ASSIGN_OR_RETURN(const auto reader, destination->NewEventReader());
  request.destination = destination.get();
  request.wait_after_repair = options.wait_after_repair < absl::ZeroDuration()
                                  ? reader->max_delay()
                                  : options.wait_after_repair;
  ASSIGN_OR_RETURN(std::unique_ptr<Ledger> ledger, options.import.state.OpenLedger(context));
  ASSIGN_OR_RETURN(const std::string folder, options.import.state.DeadLetterFolder(context));
  ASSIGN_OR_RETURN(std::unique_ptr<DeadLetterQueue> dead_letter, OpenDiskDeadLetterQueue(folder));
  const ReconcileReport report =
      Reconcile(request,
                {.ledger = *ledger,
                 .dead_letter = *dead_letter,
                 .read_dead =
                     [&](const LedgerKey& object, const EventReader::Identify& identify) {
                       return ReadDeadRows(folder, object, identify);
                     },
                 .reader = *reader},
                context.stop);
  if (!report.status.ok() && report.requests == 0 && !absl::IsCancelled(report.status)) {
    return report.status;
  }
  context.out << (options.json
                      ? ReconcileReportAsJson(report, options.ignore_unexpected, request.max_listed)
                      : ReconcileReportAsTable(report, options.ignore_unexpected,
                                               request.max_listed));
  if (options.json) context.out << "\n";
  if (!report.status.ok()) return report.status;
  return report.clean(options.ignore_unexpected) ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command ReconcileCommand() {
  auto options = std::make_shared<Options>();
  return {
      .name = "reconcile",
      .group = "Check and repair",
      .summary = "prove that source and destination are the same",
      .about =
          "Reads the rows that the ledger records as delivered again, and compares them with what "
          "the\ndestination has: Mixpanel's raw export of the same days and events, the rows of a "
          "PostgreSQL\nor Iceberg table, or the data files of a lake. The exit status is 0 only if "
          "nothing is "
          "missing, unexpected\nor, in a table or lake, duplicate, and every object that INPUT "
          "names "
          "could be compared.",
      .examples = {"millrace reconcile data/ --config sources.json --project-id 123",
                   "millrace reconcile data/ --config sources.json --repair --wait 15m",
                   "millrace reconcile export.ndjson.gz --ignore-unexpected --json",
                   "millrace reconcile data/ --config sources.json --to "
                   "'postgres://loader@db.example.com/analytics?table=events'",
                   "millrace reconcile data/ --config sources.json --repair --to "
                   "'gs://bucket/lake/?format=parquet'"},
      .arguments = &options->import.source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunReconcile(*options, context); },
  };
}

}  // namespace millrace::cli
