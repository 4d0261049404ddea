#include "watch/watch.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "io/table_folder.h"
#include "watch/config_reloader.h"
#include "watch/destination_runs.h"
#include "watch/folder_trigger.h"
#include "watch/list_trigger.h"
#include "watch/watch_metrics.h"

namespace millrace::watch {
namespace {

StoreOpener OpenerOf(const WatchRequest& request) {
  if (request.open_store) return request.open_store;
  return
      [&options = request.import.stores](std::string_view uri) { return OpenStore(uri, options); };
}

class Watcher {
 public:
  Watcher(const WatchRequest& request, Ledger& ledger, DeadLetterQueue& dead_letter,
          WatchProgress& progress)
      : request_(request),
        ledger_(ledger),
        dead_letter_(dead_letter),
        progress_(progress),
        sources_(request.import.sources),
        stores_(OpenerOf(request)) {}
  ~Watcher() { End(); }

  absl::Status Start();
  // The runs, until they end.
  void Run(std::stop_token stop);
  // Completes open requests; nothing is offered after it.
  void End();

  std::string url() const { return http_ == nullptr ? "" : http_->url(); }
  std::vector<ImportReport> TakeReports(const absl::Status& status);

 private:
  absl::Status StartTriggers(const std::vector<InputRoot>& roots);
  void StartRuns(const SourcesConfig& sources);
  void MakeRuns();
  void AwaitEndOfRuns();
  void StartReloader();
  absl::Status Apply(SourcesConfig next);
  void EndWhenIdle(std::stop_token stop);
  bool Idle() const;
  void Fail(const absl::Status& why);

  const WatchRequest& request_;
  Ledger& ledger_;
  DeadLetterQueue& dead_letter_;
  WatchProgress& progress_;
  const absl::Duration begin_ = Clock::Real().Elapsed();
  CurrentSources sources_;
  StoreCache stores_;
  ScriptPool scripts_;
  ImportRequest each_;                                  // of each run
  std::atomic<int> sharing_runs_{0};                    // the memory
  std::vector<std::unique_ptr<DestinationRuns>> runs_;  // by destination
  std::unique_ptr<NotificationRouter> router_;
  std::unique_ptr<ListTrigger> list_;
  std::unique_ptr<FolderTrigger> folder_;
  std::unique_ptr<HttpTrigger> http_;
  std::vector<std::unique_ptr<Trigger>> others_;
  std::stop_source end_;  // all runs have ended, a trigger has, or a stop was requested
  std::unique_ptr<ConfigReloader> reloader_;
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // of a trigger
  std::vector<ImportReport> reports_;             // by destination
};

absl::Status Watcher::Start() {
  const ImportRequest& import = request_.import;
  RETURN_IF_ERROR(CheckTransforms(import.sources, scripts_));
  std::vector<InputRoot> roots;
  for (const std::string& input : import.inputs) {
    ASSIGN_OR_RETURN(roots.emplace_back(), RootOf(input));
    ASSIGN_OR_RETURN(const auto store, stores_.StoreOf(roots.back().folder));
    if (import.as_files) continue;
    // A store that is unavailable now may be available when it is needed.
    const absl::Status table = RefuseTableFolder(*store, input);
    if (absl::IsInvalidArgument(table)) return table;
  }
  each_ = import;
  each_.run.sharing_runs = &sharing_runs_;
  MakeRuns();
  std::vector<NotificationRouter::Queues> queues(runs_.size());
  for (size_t i = 0; i < runs_.size(); ++i) {
    for (const auto& [type, queue] : runs_[i]->queues()) {
      queues[i][type] = queue.get();
      queue->set_on_unmatched([this, i](ObjectNotification notification) {
        router_->OfferAgain(i, std::move(notification));
      });
    }
  }
  router_ = std::make_unique<NotificationRouter>(sources_, import.config_path, InputFilter(roots),
                                                 std::move(queues), progress_);
  RETURN_IF_ERROR(StartTriggers(roots));
  StartReloader();
  return absl::OkStatus();
}

void Watcher::MakeRuns() {
  const SharedByRuns shared{each_, sources_, scripts_, ledger_, dead_letter_, sharing_runs_};
  for (size_t i = 0; i < request_.destinations.size(); ++i) {
    runs_.push_back(std::make_unique<DestinationRuns>(*request_.destinations[i], shared,
                                                      request_.queue, stores_, progress_,
                                                      progress_.imports[i]));
  }
  reports_.resize(runs_.size());
}

absl::Status Watcher::StartTriggers(const std::vector<InputRoot>& roots) {
  std::vector<InputRoot> local;
  std::copy_if(roots.begin(), roots.end(), std::back_inserter(local),
               [](const InputRoot& root) { return root.local; });
  const bool lists = request_.poll_interval != absl::InfiniteDuration() && !roots.empty();
  if (local.empty() && !lists && request_.http.listen.empty() && request_.triggers.empty()) {
    return absl::InvalidArgumentError(
        "there is no source of notifications: name a local folder, or give --subscription, --http "
        "HOST:PORT, or --poll-interval TIME to list the inputs");
  }
  // The folders are watched before they are listed, so that no file is missed in between.
  std::vector<std::string> listed;
  for (size_t i = 0; i < roots.size(); ++i) {
    if (lists || roots[i].local) listed.push_back(request_.import.inputs[i]);
  }
  list_ = std::make_unique<ListTrigger>(std::move(listed), request_.import.stores,
                                        request_.poll_interval, request_.import.as_files, *router_);
  if (!local.empty()) {
    ASSIGN_OR_RETURN(folder_, FolderTrigger::Start(local, *router_, [this] { list_->ListNow(); }));
  }
  for (const TriggerMaker& make : request_.triggers) {
    ASSIGN_OR_RETURN(others_.emplace_back(),
                     make(*router_, [this](const absl::Status& why) { Fail(why); }));
  }
  if (!request_.http.listen.empty()) {
    ASSIGN_OR_RETURN(http_, HttpTrigger::Start(request_.http, *router_, progress_,
                                               [this] { return WatchMetrics(progress_); }));
  }
  list_->ListNow();
  return absl::OkStatus();
}

void Watcher::Run(std::stop_token stop) {
  const std::stop_callback stop_all(stop, [this] { end_.request_stop(); });
  const std::stop_callback stop_runs(end_.get_token(), [this] {
    for (const auto& runs : runs_) runs->Stop();
    // New requests are rejected as soon as a stop is requested.
    if (http_ != nullptr) http_->Stop();
  });
  StartRuns(*sources_.Get());
  std::jthread idle([this] { EndWhenIdle(end_.get_token()); });
  AwaitEndOfRuns();
  end_.request_stop();
  idle.join();
  absl::MutexLock lock(&mutex_);
  for (ImportReport& report : reports_) {
    if (!failure_.ok()) report.status = failure_;
  }
}

// Starts the runs that `sources` needs and that do not run yet.
void Watcher::StartRuns(const SourcesConfig& sources) {
  for (const auto& runs : runs_) runs->Start(sources);
}

// A destination that fails does not end the others.
void Watcher::AwaitEndOfRuns() {
  std::vector<std::jthread> waits;
  for (size_t i = 0; i < runs_.size(); ++i) {
    waits.emplace_back([this, i] { reports_[i] = runs_[i]->AwaitEnd(); });
  }
  waits.clear();  // joins
  if (request_.on_reload_request) request_.on_reload_request(nullptr);
  reloader_.reset();
}

void Watcher::StartReloader() {
  if (!request_.read_config) return;
  reloader_ = std::make_unique<ConfigReloader>(
      ConfigReloaderOptions{.name = request_.import.config_path,
                            .read = request_.read_config,
                            .interval = request_.config_interval},
      sources_, [this](SourcesConfig next) { return Apply(std::move(next)); }, progress_);
  if (!request_.on_reload_request) return;
  request_.on_reload_request([this] { reloader_->CheckNow(); });
}

absl::Status Watcher::Apply(SourcesConfig next) {
  RETURN_IF_ERROR(CheckTransforms(next, scripts_));
  StartRuns(next);
  sources_.Replace(std::move(next));
  router_->ForgetWarnings();
  list_->ListNow();
  return absl::OkStatus();
}

void Watcher::Fail(const absl::Status& why) {
  {
    absl::MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = why;
  }
  end_.request_stop();
}

bool Watcher::Idle() const {
  return list_->idle() &&
         std::all_of(runs_.begin(), runs_.end(), [](const auto& runs) { return runs->idle(); });
}

void Watcher::EndWhenIdle(std::stop_token stop) {
  if (request_.exit_when_idle == absl::InfiniteDuration()) return;
  Clock& clock = Clock::Real();
  const absl::Duration look =
      std::clamp(request_.exit_when_idle / 10, absl::Milliseconds(20), absl::Seconds(1));
  uint64_t notifications = progress_.notifications;
  absl::Duration idle_since = clock.Elapsed();
  while (clock.SleepFor(look, stop)) {
    const uint64_t now = progress_.notifications;
    if (!Idle() || now != std::exchange(notifications, now)) idle_since = clock.Elapsed();
    if (clock.Elapsed() - idle_since < request_.exit_when_idle) continue;
    for (const auto& runs : runs_) runs->EndQueues();
    return;
  }
}

void Watcher::End() {
  if (folder_ != nullptr) folder_->Stop();
  if (list_ != nullptr) list_->Stop();
  if (http_ != nullptr) http_->Stop();
  for (const auto& trigger : others_) {
    if (trigger != nullptr) trigger->Stop();
  }
  // From here on, everything that was offered has its result.
  for (const auto& runs : runs_) {
    for (const auto& [type, queue] : runs->queues()) queue->Close();
  }
  http_.reset();
  others_.clear();
  folder_.reset();
  list_.reset();
}

std::vector<ImportReport> Watcher::TakeReports(const absl::Status& status) {
  reports_.resize(request_.destinations.size());
  for (size_t i = 0; i < reports_.size(); ++i) {
    ImportReport& report = reports_[i];
    report.destination = request_.destinations[i]->label();
    if (!status.ok()) report.status = status;
    report.AddProgress(progress_.imports[i], Clock::Real().Elapsed() - begin_);
    // Failed attempts do not count as failures if a later attempt succeeded.
    report.objects_failed = runs_.empty() ? 0 : runs_[i]->objects_failing();
    if (report.first_error.empty() && !report.status.ok()) {
      report.first_error = ToStd(report.status.message());
    }
  }
  return std::move(reports_);
}

}  // namespace

std::vector<ImportReport> Watch(const WatchRequest& request, Ledger& ledger,
                                DeadLetterQueue& dead_letter, std::stop_token stop,
                                WatchProgress& progress,
                                const std::function<void(const std::string& url)>& on_ready) {
  for (ImportProgress& import : progress.imports) {
    if (request.import.strict) import.warnings.MakeErrors();
  }
  Watcher watcher(request, ledger, dead_letter, progress);
  const absl::Status started = watcher.Start();
  if (started.ok()) {
    on_ready(watcher.url());
    watcher.Run(std::move(stop));
  }
  watcher.End();
  return watcher.TakeReports(started);
}

}  // namespace millrace::watch
