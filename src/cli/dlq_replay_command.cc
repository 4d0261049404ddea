// millrace dlq replay: sends rejected records again.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/dlq_flags.h"
#include "cli/error_report.h"
#include "cli/pubsub_flags.h"
#include "cli/shared_flags.h"
#include "cli/text.h"
#include "connectors/dead_letter_files/disk_dead_letter_queue.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/resource_name.h"
#include "connectors/pubsub/subscription.h"
#include "net/http_client.h"
#include "proxy/admin_client.h"
#include "replay/replay.h"
#include "replay/replay_commits.h"
#include "spool/spool_entries.h"

namespace millrace::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> ids;
  ImportFlags import;  // except inputs
  DlqFlags filter;
  bool dry_run = false;
  bool json = false;
  absl::Duration retry_timeout = absl::Minutes(5);
  absl::Duration wait = absl::Seconds(10);
  std::string transform;  // of a proxy
  std::string proxy;      // its admin address
  std::string proxy_token;

  // The subscription that is replayed; "": the dead letters on disk.
  std::string subscription() const {
    return ids.size() == 1 && ids.front().find("://") != std::string::npos ? ids.front() : "";
  }
};

absl::StatusOr<ReplayRequest> MakeRequest(const Options& options, const Context& context) {
  ReplayRequest request;
  ASSIGN_OR_RETURN(request.filter, options.filter.Filter(absl::Now()));
  if (options.ids.size() > 1) {
    return absl::InvalidArgumentError(
        "give at most one ID; to replay more records use --code, --object or --since");
  }
  if (!options.ids.empty() && options.subscription().empty()) {
    request.filter.id = options.ids.front();
  }
  ASSIGN_OR_RETURN(request.import, options.import.Request(context, InputsAre::kOptional));
  request.import.run.retry.give_up_after = options.retry_timeout;
  request.dry_run = options.dry_run;
  ASSIGN_OR_RETURN(request.spool_entries, MakeSpoolEntries(options.transform));
  return request;
}

void PrintJson(const ReplayReport& report, const Traffic& traffic, std::ostream& out) {
  const Counts& counts = report.counts;
  Json json = {{"success", report.success()},
               {"read", counts.read},
               {"accepted", counts.accepted},
               {"rejected", counts.rejected},
               {"filtered", counts.filtered},
               {"pending", counts.pending()},
               {"events", counts.events},
               {"replayed_before", report.replayed_before},
               {"not_ours", report.not_ours},
               {"damaged", report.damaged},
               {"requests", traffic.requests.load()},
               {"retries", report.retries},
               {"bytes_sent", traffic.bytes_sent.load()},
               {"elapsed_s", report.elapsed_s}};
  json["first_error"] = ErrorAsJson(report.first_error);
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

void PrintTable(const ReplayReport& report, bool dry_run, std::ostream& out) {
  const Counts& counts = report.counts;
  out << (dry_run ? "dry run: nothing was sent\n" : "") << "read      " << WithCommas(counts.read)
      << "   " << WithCommas(report.replayed_before) << " were replayed before, "
      << WithCommas(report.not_ours) << " belong to another project or config\naccepted  "
      << WithCommas(counts.accepted) << "\nrejected  " << WithCommas(counts.rejected)
      << (counts.rejected > 0 ? "   again; see: millrace dlq show" : "") << "\nfiltered  "
      << WithCommas(counts.filtered) << "\npending   " << WithCommas(counts.pending())
      << (counts.pending() > 0 ? "   run again to continue" : "") << "\n";
  if (!report.first_error.empty())
    out << "first error: " << ErrorAsText(report.first_error) << "\n";
}

// The queue of a replay, with its connection and subscription.
struct OpenQueue {
  std::unique_ptr<pubsub::Connection> connection;
  std::unique_ptr<pubsub::Subscription> subscription;
  std::unique_ptr<ReplayQueue> queue;  // last
};

absl::StatusOr<OpenQueue> OpenFolder(const Options& options, const Context& context) {
  OpenQueue open;
  ASSIGN_OR_RETURN(const std::string folder, options.import.state.DeadLetterFolder(context));
  RETURN_IF_ERROR(OpenDiskDeadLetterQueue(folder).status());  // checks that it is one, if it exists
  open.queue = NewDiskReplayQueue(folder);
  return open;
}

absl::StatusOr<OpenQueue> OpenTopic(const Options& options, const Context& context) {
  OpenQueue open;
  ASSIGN_OR_RETURN(std::string name,
                   pubsub::SubscriptionName(options.subscription(), GoogleProject(context)));
  ASSIGN_OR_RETURN(open.connection, pubsub::OpenConnection(context.environment));
  pubsub::SubscriptionOptions subscription{
      .name = std::move(name), .max_messages = kMaxReplayMessages, .max_bytes = kMaxReplayBytes};
  subscription.retry.give_up_after = options.retry_timeout;
  open.subscription = pubsub::OpenSubscription(*open.connection, std::move(subscription));
  open.queue =
      NewTopicReplayQueue(*open.subscription, {.dry_run = options.dry_run, .idle = options.wait});
  return open;
}

// The proxy replays what it or its destinations refused, with its own destinations and transform.
absl::StatusOr<int> RunAtProxy(const Options& options, const DeadLetterFilter& filter,
                               Context& context) {
  if (options.dry_run || !options.subscription().empty() || !filter.object.empty()) {
    return absl::InvalidArgumentError(
        "--proxy replays records by ID, --code or --since, without --dry-run");
  }
  const std::unique_ptr<HttpClient> client = NewCurlHttpClient();
  ASSIGN_OR_RETURN(
      const ReplayReport report,
      proxy::ReplayAtProxy(options.proxy, options.proxy_token, filter, *client, context.stop));
  if (options.json) {
    PrintJson(report, Traffic(), context.out);
  } else {
    PrintTable(report, /*dry_run=*/false, context.out);
  }
  if (!filter.id.empty() && report.counts.read + report.not_ours == 0) {
    return NoRecordHasId(filter.id);
  }
  return report.success() && report.first_error.empty() ? kAllAccepted : kRejectedRecords;
}

constexpr RecordType kTypes[] = {RecordType::kEvent, RecordType::kUser, RecordType::kGroup};

// Its commits are announced in the ledger.
bool IsStaged(Destination& destination) {
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](RecordType type) { return destination.staging(type) != nullptr; });
}

absl::StatusOr<int> RunReplay(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(ReplayRequest request, MakeRequest(options, context));
  if (!options.proxy.empty()) return RunAtProxy(options, request.filter, context);
  ASSIGN_OR_RETURN(const auto destination, options.import.destination.OpenOne(context));
  if (!options.dry_run) RETURN_IF_ERROR(CheckConfig(*destination, request.import.sources));
  request.destination = destination.get();
  ASSIGN_OR_RETURN(OpenQueue open, options.subscription().empty() ? OpenFolder(options, context)
                                                                  : OpenTopic(options, context));
  std::unique_ptr<Ledger> ledger;
  if (!options.dry_run && IsStaged(*destination)) {
    ASSIGN_OR_RETURN(ledger, options.import.state.OpenLedger(context));
  } else if (!options.dry_run) {
    ASSIGN_OR_RETURN(const auto reader, options.import.state.OpenLedgerToRead(context));
    std::set<std::string> names;
    for (const RecordType type : kTypes) names.insert(destination->LedgerName(type));
    RETURN_IF_ERROR(CheckNoOpenCommit(*reader, names, context.stop));
  }
  const ReplayReport report =
      Replay(request, {.queue = *open.queue, .ledger = ledger.get()}, context.stop);
  if (options.json) {
    PrintJson(report, destination->traffic(), context.out);
  } else {
    PrintTable(report, options.dry_run, context.out);
  }
  if (!report.status.ok()) return report.status;
  const uint64_t found = report.counts.read + report.replayed_before + report.not_ours;
  if (!request.filter.id.empty() && found == 0) return NoRecordHasId(request.filter.id);
  return report.success() ? kAllAccepted : kRejectedRecords;
}

}  // namespace

Command DlqReplayCommand() {
  auto options = std::make_shared<Options>();
  std::vector<Flag> flags;
  options->filter.AddTo(flags);
  flags.push_back({.name = "--config",
                   .target = &options->import.source.config,
                   .value = "FILE",
                   .doc =
                       "sources.json to map the records with, fixed or not; without it they must "
                       "be in Mixpanel's event format",
                   .env = "MILLRACE_CONFIG"});
  options->import.destination.AddTo(flags);
  options->import.state.AddTo(flags);
  const std::vector<Flag> own = {
      {"--dry-run", &options->dry_run, "", "map and count; send nothing and record nothing"},
      RetryTimeoutFlag(&options->retry_timeout),
      {"--wait", AtLeast(&options->wait, absl::Milliseconds(1)), "TIME",
       "for a subscription: the replay ends when no further record has arrived for this long"},
      {"--transform", &options->transform, "FILE",
       "JavaScript to map records of a proxy with, as its own --transform"},
      {"--proxy", &options->proxy, "URL",
       "admin address of a running proxy: it replays what it refused itself into its log, and what "
       "its destinations refused to them"},
      {.name = "--proxy-token",
       .target = &options->proxy_token,
       .value = "TOKEN",
       .doc = "the --admin-token of that proxy",
       .env = "MILLRACE_PROXY_ADMIN_TOKEN",
       .secret = true},
      {"--json", &options->json, "", "print the result as one JSON object"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  return {
      .name = "dlq replay",
      .group = "Check and repair",
      .summary = "send rejected records again, mapped by the current config",
      .about =
          "Maps the source row of each record again and sends it with the ids that its import "
          "would "
          "have given\nit, so that repeating a replay is harmless. Accepted records are recorded "
          "and not sent again; records\nthat are rejected again stay, with their new reason. ID is "
          "the ID that `dlq show` prints; without ID\nall records that match the filters are "
          "replayed. pubsub://PROJECT/SUBSCRIPTION replays the records of\na dead-letter topic "
          "instead: accepted records are acknowledged, all others stay in the subscription.",
      .examples = {"millrace dlq replay --config sources.json --dry-run",
                   "millrace dlq replay --code invalid_time --config sources.json",
                   "millrace dlq replay 0123456789abcdef-12 --config sources.json --json",
                   "millrace dlq replay pubsub://my-project/rejected --config sources.json",
                   "millrace dlq replay --proxy http://127.0.0.1:9000 --code missing_event_name"},
      .arguments = &options->ids,
      .arguments_name = "ID",
      .arguments_required = false,
      .flags = std::move(flags),
      .run = [options](Context& context) { return RunReplay(*options, context); },
  };
}

}  // namespace millrace::cli
