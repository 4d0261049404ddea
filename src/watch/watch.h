// The watch program: imports objects into destinations as they arrive, with the ledger of imports.
#ifndef MILLRACE_WATCH_WATCH_H_
#define MILLRACE_WATCH_WATCH_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "import/import.h"
#include "watch/http_trigger.h"
#include "watch/notification_router.h"
#include "watch/object_queue.h"
#include "watch/trigger.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

// Creates a trigger that offers notifications to the router, which outlives it. A call of
// `on_failure`, from any thread, ends the watch.
using TriggerMaker = std::function<absl::StatusOr<std::unique_ptr<Trigger>>(
    NotificationRouter& router, std::function<void(const absl::Status& why)> on_failure)>;

struct WatchRequest {
  // Local `inputs` are watched as folders. All `inputs` together select which objects of the
  // notifications are imported. None: every object that matches the config.
  ImportRequest import;
  std::vector<Destination*> destinations;  // at least one; they outlive the watch
  // The inputs are listed at this interval, and first at the start; InfiniteDuration: only local
  // inputs are listed, at the start.
  absl::Duration poll_interval = absl::InfiniteDuration();
  HttpTriggerOptions http;             // without `listen`: not started
  std::vector<TriggerMaker> triggers;  // additional triggers
  StoreOpener open_store;              // null: OpenStore() with import.stores
  QueueOptions queue;
  // Reads the config again; null: it does not change. A changed config applies to objects that are
  // claimed afterwards, and the inputs are listed again for objects that match it now.
  std::function<absl::StatusOr<SourcesConfig>()> read_config;
  absl::Duration config_interval = absl::Seconds(30);
  // Receives a function that makes the watch check its config immediately (from any thread), and
  // null before the watch ends. Null if checks are not requested.
  std::function<void(std::function<void()> check_now)> on_reload_request;
  // Ends, as an import does, after there has been nothing to do for this long.
  absl::Duration exit_when_idle = absl::InfiniteDuration();
};

// Runs until `stop` is requested (then writes in flight are finished and recorded, and the rest is
// released), until it is idle for long enough, until a trigger fails, or until all destinations
// have failed permanently; the others continue when one has. Returns the report of each
// destination, in order; its status is then Cancelled, ok, or the failure. InvalidArgument: there
// is nothing to watch. `progress` was made for as many destinations. `on_ready` is called when all
// triggers are ready, with the URL of the HTTP trigger or "". Blocking; owns its threads.
std::vector<ImportReport> Watch(const WatchRequest& request, Ledger& ledger,
                                DeadLetterQueue& dead_letter, std::stop_token stop,
                                WatchProgress& progress,
                                const std::function<void(const std::string& url)>& on_ready);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_WATCH_H_
