// millrace watch: new objects into Mixpanel and other destinations as they arrive.
#include <algorithm>
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
#include "cli/metrics_flag.h"
#include "cli/pubsub_flags.h"
#include "cli/shared_flags.h"
#include "connectors/pubsub/connection.h"
#include "connectors/pubsub/resource_name.h"
#include "connectors/pubsub/subscription.h"
#include "objects/iceberg_name.h"
#include "objects/read_sources.h"
#include "watch/pubsub_trigger.h"
#include "watch/watch.h"
#include "watch/watch_metrics.h"

namespace millrace::cli {
namespace {

struct Options {
  ImportFlags import;
  DeliveryFlags delivery;
  DeadLetterFlags dead_letter;
  MetricsFlag metrics;
  bool json = false;
  std::string http;
  std::string subscription;
  absl::Duration request_timeout = absl::Seconds(540);
  absl::Duration poll_interval = absl::InfiniteDuration();
  absl::Duration config_interval = absl::Seconds(30);
  absl::Duration settle_time = absl::Seconds(2);
  absl::Duration exit_when_idle = absl::InfiniteDuration();
};

std::vector<Flag> FlagsOf(Options& options) {
  std::vector<Flag> flags;
  options.import.AddTo(flags);
  const std::vector<Flag> own = {
      {"--json", &options.json, "", "print the result as one JSON object at the end"},
      {"--http", &options.http, "[HOST:]PORT|HOST",
       "address that receives events by HTTP, and also serves what --metrics serves; default HOST "
       "is 127.0.0.1, default PORT is the environment variable PORT, or else 8080"},
      {"--subscription",
       &options.subscription,
       "NAME",
       "receive notifications of Cloud Storage from this Pub/Sub subscription: "
       "projects/P/subscriptions/S or pubsub://P/S",
       "",
       {"--input_subscription"}},
      {"--request-timeout", AtLeast(&options.request_timeout, absl::Milliseconds(1)), "TIME",
       "respond to a request with 503 if its objects are not imported within this time"},
      {.name = "--poll-interval",
       .target = AtLeast(&options.poll_interval, absl::Milliseconds(100)),
       .value = "TIME",
       .doc = "list the inputs at this interval, to catch missed notifications",
       .old_name = "--also-list"},
      {"--config-interval", AtLeast(&options.config_interval, absl::Milliseconds(10)), "TIME",
       "read the config again at this interval, and on SIGHUP; a changed config applies to objects "
       "that are claimed afterwards"},
      {"--settle-time", Between(&options.settle_time, absl::ZeroDuration(), absl::Hours(24)),
       "TIME",
       "read a local file that was found by listing only after it has not changed for this long"},
      {"--exit-when-idle", AtLeast(&options.exit_when_idle, absl::Milliseconds(1)), "TIME",
       "exit, as an import does, after there has been nothing to do for this long"},
  };
  flags.insert(flags.end(), own.begin(), own.end());
  options.metrics.AddTo(flags);
  options.delivery.AddTo(flags);
  options.dead_letter.AddTo(flags);
  return flags;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// HOST:PORT of "PORT", "HOST" or "HOST:PORT".
std::string ListenAddress(const std::string& http, const Context& context) {
  if (http.empty()) return "";
  if (IsNumber(http)) return StrCat("127.0.0.1:", http);
  const size_t colon = http.rfind(':');
  if (colon != std::string::npos && IsNumber(http.substr(colon + 1))) return http;
  return StrCat(http, ":", context.environment("PORT").value_or("8080"));
}

bool IsLoopback(std::string_view listen) {
  return listen.starts_with("127.") || listen.starts_with("localhost:") ||
         listen.starts_with("[::1]:");
}

absl::StatusOr<watch::WatchRequest> MakeRequest(const Options& options, const Context& context) {
  watch::WatchRequest request;
  ASSIGN_OR_RETURN(request.import, options.import.Request(context, InputsAre::kOptional));
  RETURN_IF_ERROR(RefuseIcebergInputs(request.import.inputs, "watch"));
  RETURN_IF_ERROR(options.delivery.ApplyTo(request.import));
  // A store that is unavailable must not delay the objects of others: its object is retried later.
  absl::Duration& give_up = request.import.stores.retry.give_up_after;
  give_up = std::min(give_up, absl::Seconds(30));
  request.poll_interval = options.poll_interval;
  if (request.poll_interval != absl::InfiniteDuration() && request.import.inputs.empty()) {
    return absl::InvalidArgumentError(
        "--poll-interval needs an INPUT to list, such as gs://bucket/events");
  }
  request.queue.settle_time = options.settle_time;
  if (const std::string& config = options.import.source.config; !config.empty()) {
    request.read_config = [config, stores = request.import.stores] {
      return ReadSources(config, stores);
    };
    request.config_interval = options.config_interval;
    request.on_reload_request = context.set_hangup_handler;
  }
  request.exit_when_idle = options.exit_when_idle;
  request.http.listen = ListenAddress(options.http, context);
  request.http.request_timeout = options.request_timeout;
  request.http.token = context.environment("MILLRACE_WATCH_TOKEN").value_or("");
  request.http.google_project = context.environment("GOOGLE_CLOUD_PROJECT").value_or("");
  return request;
}

// Adds the subscription as a trigger, which uses `connection`.
absl::Status AddSubscription(const Options& options, const Context& context,
                             std::unique_ptr<pubsub::Connection>& connection,
                             watch::WatchRequest& request) {
  if (options.subscription.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::string name,
                   pubsub::SubscriptionName(options.subscription, GoogleProject(context)));
  ASSIGN_OR_RETURN(connection, pubsub::OpenConnection(context.environment));
  request.triggers.push_back(
      [name, &connection](watch::NotificationRouter& router,
                          std::function<void(const absl::Status&)> on_failure)
          -> absl::StatusOr<std::unique_ptr<watch::Trigger>> {
        return std::make_unique<watch::PubsubTrigger>(
            pubsub::OpenSubscription(*connection, {.name = name}), router, std::move(on_failure));
      });
  return absl::OkStatus();
}

void SayWatching(const watch::WatchRequest& request, const std::string& url) {
  if (url.empty()) return Log(Severity::kInfo, "watching");
  Log(Severity::kInfo, "watching", {{"url", url}});
  if (!request.http.token.empty() || IsLoopback(request.http.listen)) return;
  Log(Severity::kWarning,
      "anyone who can reach this address can have objects imported: let the platform authenticate "
      "callers, or set MILLRACE_WATCH_TOKEN");
}

absl::StatusOr<int> RunWatch(const Options& options, Context& context) {
  ASSIGN_OR_RETURN(watch::WatchRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(
      const auto destinations,
      options.import.destination.Open(context, [&](mixpanel::DestinationOptions& mixpanel) {
        return options.delivery.ApplyTo(mixpanel);
      }));
  watch::WatchProgress progress(destinations.size());
  for (size_t i = 0; i < destinations.size(); ++i) {
    RETURN_IF_ERROR(CheckConfig(*destinations[i], request.import.sources));
    request.destinations.push_back(destinations[i].get());
    progress.imports[i].destination = destinations[i]->label();
  }
  std::unique_ptr<pubsub::Connection> connection;
  RETURN_IF_ERROR(AddSubscription(options, context, connection, request));
  ASSIGN_OR_RETURN(const std::unique_ptr<Ledger> ledger, options.import.state.OpenLedger(context));
  ASSIGN_OR_RETURN(
      const std::unique_ptr<DeadLetterQueue> dead_letter,
      options.dead_letter.Open(options.import.state, options.delivery.stop_grace, context));
  ASSIGN_OR_RETURN(const std::unique_ptr<HttpServer> metrics,
                   options.metrics.Serve([&progress] { return watch::WatchMetrics(progress); }));
  const std::vector<ImportReport> reports =
      watch::Watch(request, *ledger, *dead_letter, context.stop, progress,
                   [&](const std::string& url) { SayWatching(request, url); });
  return FinishImport(reports, options.json, context, "Watch complete");
}

}  // namespace

Command WatchCommand() {
  auto options = std::make_shared<Options>();
  // A watch keeps running while its destination is unavailable.
  options->delivery.retry_timeout = absl::InfiniteDuration();
  return {
      .name = "watch",
      .group = "Import, receive and export",
      .summary = "import new objects as they arrive",
      .about =
          "Imports the files in the local folders among INPUT, and watches these folders for new "
          "files. --http\nreceives requests from Eventarc, Pub/Sub push, EventBridge, SNS and "
          "Event Grid, "
          "and responds with 200 when the\nobjects that they name are imported; INPUT then selects "
          "which of these objects are imported (without\nINPUT: all that match the config). "
          "--subscription receives notifications of Cloud Storage from Pub/Sub,\nand acknowledges "
          "each when its object is imported. Watch shares the ledger of `millrace import`: an\n"
          "object that is done is not sent again. If MILLRACE_WATCH_TOKEN is set, requests must "
          "carry this token.\nSIGINT and SIGTERM end a watch with exit status 3; SIGHUP makes it "
          "read its config again.",
      .examples =
          {"millrace watch /data/incoming --config sources.json",
           "millrace watch /data/incoming --config sources.json --exit-when-idle 30s --json",
           "millrace watch --subscription projects/my-project/subscriptions/uploads --config "
           "sources.json",
           "MILLRACE_WATCH_TOKEN=... millrace watch --http 0.0.0.0 --config sources.json",
           "millrace watch '/data/**/*.parquet' --config sources.json --poll-interval 10m "
           "--metrics 127.0.0.1:9464"},
      .arguments = &options->import.source.inputs,
      .arguments_name = "INPUT",
      .arguments_required = false,
      .flags = FlagsOf(*options),
      .run = [options](Context& context) { return RunWatch(*options, context); },
  };
}

}  // namespace millrace::cli
