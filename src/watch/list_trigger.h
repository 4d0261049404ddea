// Lists the inputs: once, on request, and at an interval. Finds objects that existed before the
// watch, and objects without a notification.
#ifndef MILLRACE_WATCH_LIST_TRIGGER_H_
#define MILLRACE_WATCH_LIST_TRIGGER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stores/open_store.h"
#include "watch/notification_router.h"
#include "watch/trigger.h"

namespace millrace::watch {

class ListTrigger : public Trigger {
 public:
  // The first listing starts on request; if `every` is InfiniteDuration, so do all others. Inputs
  // are listed one after another, regardless of failures of earlier ones. An input that names
  // nothing yet is no error; a failed listing is logged, and all inputs are listed again soon.
  // `as_files` as in ListingRules.
  ListTrigger(std::vector<std::string> inputs, const StoreOptions& stores, absl::Duration every,
              bool as_files, NotificationRouter& router);
  ~ListTrigger() override { Stop(); }

  void ListNow();
  // No listing is running or due now.
  bool idle() const;
  void Stop() override;

 private:
  void Run(std::stop_token stop);
  // False if one of them could not be listed.
  bool ListInputs(const std::stop_token& stop);
  absl::Status ListInput(const std::string& input, const std::stop_token& stop);

  const std::vector<std::string> inputs_;
  const StoreOptions stores_;
  const absl::Duration every_;
  const bool as_files_;
  NotificationRouter& router_;
  mutable absl::Mutex mutex_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool listing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_LIST_TRIGGER_H_
