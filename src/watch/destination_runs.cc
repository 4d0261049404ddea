#include "watch/destination_runs.h"

#include <pthread.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace millrace::watch {

DestinationRuns::DestinationRuns(Destination& destination, SharedByRuns shared,
                                 const QueueOptions& queue, StoreCache& stores,
                                 WatchProgress& progress, ImportProgress& import_progress)
    : destination_(destination), shared_(shared), progress_(import_progress) {
  for (const RecordType type : kAllRecordTypes) {
    queues_[type] = std::make_unique<ObjectQueue>(queue, stores, Clock::Real(), progress);
  }
}

DestinationRuns::~DestinationRuns() {
  for (const auto& [type, queue] : queues_) queue->Close();
}

void DestinationRuns::Start(const SourcesConfig& sources) {
  absl::MutexLock lock(&mutex_);
  if (end_.stop_requested() || run_ended_) return;
  std::vector<RecordType> missing = RecordTypesOf(sources);
  std::erase_if(missing, [&](RecordType type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return reports_.contains(type);
  });
  shared_.sharing_runs += static_cast<int>(missing.size());
  for (const RecordType type : missing) {
    ImportReport& report = reports_[type];
    runs_.emplace_back([this, type, &report] { RunQueue(type, report); });
  }
}

void DestinationRuns::RunQueue(RecordType type, ImportReport& report) {
  pthread_setname_np(pthread_self(), "watch-run");
  ImportReport result = RunRecords({.request = shared_.request,
                                    .sources = shared_.sources,
                                    .type = type,
                                    .feed = *queues_.at(type),
                                    .scripts = shared_.scripts,
                                    .destination = destination_,
                                    .ledger = shared_.ledger,
                                    .dead_letter = shared_.dead_letter,
                                    .progress = progress_,
                                    .tolerate_store_errors = true},
                                   end_.get_token());
  if (!result.status.ok()) Stop();
  absl::MutexLock lock(&mutex_);
  report = std::move(result);
  run_ended_ = true;
}

ImportReport DestinationRuns::AwaitEnd() {
  std::list<std::jthread> runs;
  {
    const std::stop_callback wake(end_.get_token(), [this] {
      // A stop before the first run began.
      absl::MutexLock lock(&mutex_);
      run_ended_ = run_ended_ || runs_.empty();
    });
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&run_ended_));
    runs.swap(runs_);
  }
  runs.clear();  // joins
  for (const auto& [type, queue] : queues_) queue->Close();
  ImportReport all;
  all.destination = destination_.label();
  all.requests = destination_.traffic().requests;
  all.bytes_sent = destination_.traffic().bytes_sent;
  absl::MutexLock lock(&mutex_);
  // A failed run stopped the others, which then report that they were stopped.
  for (const auto& [type, report] : reports_) {
    if (all.status.ok() && !absl::IsCancelled(report.status)) all.status = report.status;
  }
  if (!all.status.ok()) {
    Log(Severity::kError, "nothing more is sent to this destination",
        {{"destination", all.destination}, {"error", ToStd(all.status.message())}});
  }
  for (const auto& [type, report] : reports_) all.Add(report);
  return all;
}

void DestinationRuns::EndQueues() {
  for (const auto& [type, queue] : queues_) queue->End();
}

uint64_t DestinationRuns::objects_failing() const {
  uint64_t failing = 0;
  for (const auto& [type, queue] : queues_) failing += queue->objects_failing();
  return failing;
}

bool DestinationRuns::idle() const {
  return std::all_of(queues_.begin(), queues_.end(),
                     [](const auto& queue) { return queue.second->idle(); });
}

}  // namespace millrace::watch
