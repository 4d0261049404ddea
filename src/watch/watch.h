// The watch program: objects into Mixpanel as they come to be, over one ledger with imports.
#ifndef MILLRACE_WATCH_WATCH_H_
#define MILLRACE_WATCH_WATCH_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "import/import.h"
#include "watch/http_trigger.h"
#include "watch/notification_router.h"
#include "watch/object_queue.h"
#include "watch/trigger.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

// Makes a trigger that offers to the intake, which outlives it. What the trigger says to
// `on_failure`, from any thread, ends the watch.
using TriggerMaker = std::function<absl::StatusOr<std::unique_ptr<Trigger>>(
    NotificationRouter& router, std::function<void(const absl::Status& why)> on_failure)>;

struct WatchRequest {
  // Of `inputs`, local ones are watched as folders; with the others they say which objects are
  // taken of those that the triggers tell of. None: every object that the config fits.
  ImportRequest import;
  // The inputs are listed that often, and first at the start; InfiniteDuration: only local ones
  // are, at the start.
  absl::Duration poll_interval = absl::InfiniteDuration();
  HttpTriggerOptions http;             // no `listen`: none
  std::vector<TriggerMaker> triggers;  // further ones
  StoreOpener open_store;              // null: OpenStore() with import.stores
  QueueOptions queue;
  // Reads the config again; null: it does not change. A changed one is that of objects which are
  // claimed afterwards, and the inputs are listed again for what it fits now.
  std::function<absl::StatusOr<SourcesConfig>()> read_config;
  absl::Duration config_interval = absl::Seconds(30);
  // Is given what makes the watch look at its config at once (from any thread), and null before the
  // watch ends; null: nothing asks for that.
  std::function<void(std::function<void()> check_now)> on_reload_request;
  // Ends as an import does once nothing has been to do for so long.
  absl::Duration exit_when_idle = absl::InfiniteDuration();
};

// Works until `stop` is requested (then what is in flight is finished, recorded, and the rest given
// back), until it is idle for long enough, or something fails for good. The report's status is then
// Cancelled, ok, or that. InvalidArgument: nothing was asked to be watched. `on_ready` is called
// once all triggers are there, with the URL of the HTTP trigger or "". Blocking; owns its threads.
ImportReport Watch(const WatchRequest& request, Ledger& ledger, DeadLetterQueue& dead_letter,
                   std::stop_token stop, WatchProgress& progress,
                   const std::function<void(const std::string& url)>& on_ready);

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_WATCH_H_
