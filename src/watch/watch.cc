#include "watch/watch.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "import/record_run.h"
#include "io/table_folder.h"
#include "watch/config_reloader.h"
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
        stores_(OpenerOf(request)),
        rate_limiter_(request.import.events_per_second, request.import.bytes_per_second,
                      Clock::Real()) {}
  ~Watcher() { End(); }

  absl::Status Start();
  // The runs, until they end.
  void Run(std::stop_token stop);
  // Completes open requests; nothing is offered after it.
  void End();

  std::string url() const { return http_ == nullptr ? "" : http_->url(); }
  ImportReport TakeReport(absl::Status status);

 private:
  absl::Status StartTriggers(const std::vector<InputRoot>& roots);
  void StartRuns(const SourcesConfig& sources);
  void RunQueue(RecordType type, ImportReport& report);
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
  mixpanel::RateLimiter rate_limiter_;
  std::map<RecordType, std::unique_ptr<ObjectQueue>> queues_;  // of every kind of record
  std::unique_ptr<NotificationRouter> router_;
  std::unique_ptr<ListTrigger> list_;
  std::unique_ptr<FolderTrigger> folder_;
  std::unique_ptr<HttpTrigger> http_;
  std::vector<std::unique_ptr<Trigger>> others_;
  std::stop_source end_;  // of the runs: a run or trigger has ended, or a stop was requested
  std::unique_ptr<ConfigReloader> reloader_;
  ImportRequest each_;                // of each run
  std::atomic<int> runs_sharing_{0};  // the memory
  absl::Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);  // of a trigger
  bool run_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<RecordType, ImportReport> reports_ ABSL_GUARDED_BY(mutex_);  // of the runs that began
  std::list<std::jthread> runs_ ABSL_GUARDED_BY(mutex_);
  ImportReport report_;
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
  std::map<RecordType, ObjectQueue*> queues;
  for (const RecordType type : {RecordType::kEvent, RecordType::kUser, RecordType::kGroup}) {
    queues_[type] =
        std::make_unique<ObjectQueue>(request_.queue, stores_, Clock::Real(), progress_);
    queues[type] = queues_[type].get();
    queues[type]->set_on_unmatched(
        [this](ObjectNotification notification) { router_->OfferAgain(std::move(notification)); });
  }
  router_ = std::make_unique<NotificationRouter>(sources_, import.config_path, InputFilter(roots),
                                                 std::move(queues), progress_);
  each_ = import;
  each_.run.sharing_runs = &runs_sharing_;
  RETURN_IF_ERROR(StartTriggers(roots));
  StartReloader();
  return absl::OkStatus();
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
  // New requests are rejected as soon as a stop is requested.
  const std::stop_callback turn_away(end_.get_token(), [this] {
    if (http_ != nullptr) http_->Stop();
  });
  StartRuns(*sources_.Get());
  std::jthread idle([this] { EndWhenIdle(end_.get_token()); });
  AwaitEndOfRuns();
  end_.request_stop();
  idle.join();
  absl::MutexLock lock(&mutex_);
  report_.status = failure_;
  for (const auto& [type, report] : reports_) {
    // A failed run stopped the others, which then report that they were stopped.
    if (report_.status.ok() && !absl::IsCancelled(report.status)) report_.status = report.status;
  }
  for (const auto& [type, report] : reports_) report_.Add(report);
}

// Starts the runs that `sources` needs and that do not run yet.
void Watcher::StartRuns(const SourcesConfig& sources) {
  absl::MutexLock lock(&mutex_);
  std::vector<RecordType> missing = RecordTypesOf(sources);
  std::erase_if(missing, [&](RecordType type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return reports_.contains(type);
  });
  runs_sharing_ += static_cast<int>(missing.size());
  for (const RecordType type : missing) {
    ImportReport& report = reports_[type];
    runs_.emplace_back([this, type, &report] { RunQueue(type, report); });
  }
}

void Watcher::RunQueue(RecordType type, ImportReport& report) {
  pthread_setname_np(pthread_self(), "watch-run");
  ImportReport result = RunRecords({.request = each_,
                                    .sources = sources_,
                                    .type = type,
                                    .feed = *queues_.at(type),
                                    .scripts = scripts_,
                                    .rate_limiter = rate_limiter_,
                                    .ledger = ledger_,
                                    .dead_letter = dead_letter_,
                                    .progress = progress_.import,
                                    .tolerate_store_errors = true},
                                   end_.get_token());
  if (!result.status.ok()) end_.request_stop();
  absl::MutexLock lock(&mutex_);
  report = std::move(result);
  run_ended_ = true;
}

// The runs end together: after a stop, the failure of one, or the end of all queues.
void Watcher::AwaitEndOfRuns() {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&run_ended_));
  }
  if (request_.on_reload_request) request_.on_reload_request(nullptr);
  reloader_.reset();  // no run starts after it
  std::list<std::jthread> runs;
  {
    absl::MutexLock lock(&mutex_);
    runs.swap(runs_);
  }
  runs.clear();  // joins
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
  return list_->idle() && std::all_of(queues_.begin(), queues_.end(),
                                      [](const auto& queue) { return queue.second->idle(); });
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
    for (const auto& [type, queue] : queues_) queue->End();
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
  for (const auto& [type, queue] : queues_) queue->Close();
  http_.reset();
  others_.clear();
  folder_.reset();
  list_.reset();
}

ImportReport Watcher::TakeReport(absl::Status status) {
  if (!status.ok()) report_.status = std::move(status);
  report_.AddProgress(progress_.import, Clock::Real().Elapsed() - begin_);
  // Failed attempts do not count as failures if a later attempt succeeded.
  report_.objects_failed = progress_.objects_failing;
  if (report_.first_error.empty() && !report_.status.ok()) {
    report_.first_error = ToStd(report_.status.message());
  }
  return std::move(report_);
}

}  // namespace

ImportReport Watch(const WatchRequest& request, Ledger& ledger, DeadLetterQueue& dead_letter,
                   std::stop_token stop, WatchProgress& progress,
                   const std::function<void(const std::string& url)>& on_ready) {
  if (request.import.strict) progress.import.warnings.MakeErrors();
  Watcher watcher(request, ledger, dead_letter, progress);
  const absl::Status started = watcher.Start();
  if (started.ok()) {
    on_ready(watcher.url());
    watcher.Run(std::move(stop));
  }
  watcher.End();
  return watcher.TakeReport(started);
}

}  // namespace millrace::watch
