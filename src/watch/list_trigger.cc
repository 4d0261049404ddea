#include "watch/list_trigger.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "objects/object_lister.h"

namespace millrace::watch {
namespace {

constexpr absl::Duration kAfterFailure = absl::Seconds(30);

}  // namespace

ListTrigger::ListTrigger(std::vector<std::string> inputs, const StoreOptions& stores,
                         absl::Duration every, bool as_files, NotificationRouter& router)
    : inputs_(std::move(inputs)),
      stores_(stores),
      every_(every),
      as_files_(as_files),
      router_(router),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {
  pthread_setname_np(thread_.native_handle(), "watch-list");
}

void ListTrigger::ListNow() {
  absl::MutexLock lock(&mutex_);
  asked_ = true;
}

bool ListTrigger::idle() const {
  absl::MutexLock lock(&mutex_);
  return !asked_ && !listing_;
}

void ListTrigger::Stop() {
  thread_.request_stop();
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

void ListTrigger::Run(std::stop_token stop) {
  absl::Duration wait = absl::InfiniteDuration();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return asked_ || stopped_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), wait);
      if (stopped_) return;
      asked_ = false;
      listing_ = true;
    }
    wait = ListInputs(stop) ? every_ : std::min(every_, kAfterFailure);
    absl::MutexLock lock(&mutex_);
    listing_ = false;
  }
}

bool ListTrigger::ListInputs(const std::stop_token& stop) {
  bool all = true;
  for (const std::string& input : inputs_) {
    const absl::Status status = ListInput(input, stop);
    if (stop.stop_requested()) return true;
    if (status.ok() || absl::IsNotFound(status)) continue;
    all = false;
    Log(Severity::kWarning, "listing an input failed",
        {{"input", input},
         {"error", ToStd(status.message())},
         {"again_in_s", absl::ToDoubleSeconds(std::min(every_, kAfterFailure))}});
  }
  return all;
}

absl::Status ListTrigger::ListInput(const std::string& input, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ObjectLister> lister,
      ObjectLister::Start({input}, [](const ObjectInfo&) { return true; }, stores_,
                          {.as_files = as_files_, .on_hidden = [this](std::string_view uri) {
                             router_.NoteHidden(uri);
                           }}));
  while (true) {
    ASSIGN_OR_RETURN(std::optional<ListedObject> object, lister->Next(stop));
    if (!object) return absl::OkStatus();
    ObjectNotification notification{.uri = object->info.uri, .trigger = "list"};
    notification.maybe_unfinished = notification.uri.find("://") == std::string::npos;
    notification.listed = std::move(object->info);
    if (!router_.OfferBlocking(std::move(notification), stop)) return absl::OkStatus();
  }
}

}  // namespace millrace::watch
