// Lists the inputs: once, when asked to, and from time to time. Finds what was there before the
// watch, and what no notice told of.
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
#include "watch/intake.h"
#include "watch/trigger.h"

namespace millrace::watch {

class ListTrigger : public Trigger {
 public:
  // The first listing begins when it is asked for. `every` InfiniteDuration: so do all others.
  // Inputs that name nothing yet are no error; a listing that fails is logged, and done again.
  // `as_files` as ListingRules has it.
  ListTrigger(std::vector<std::string> inputs, const StoreOptions& stores, absl::Duration every,
              bool as_files, Intake& intake);
  ~ListTrigger() override { Stop(); }

  void ListNow();
  // Nothing is being listed or is due to be at once.
  bool idle() const;
  void Stop() override;

 private:
  void Run(std::stop_token stop);
  absl::Status ListInputs(std::stop_token stop);

  const std::vector<std::string> inputs_;
  const StoreOptions stores_;
  const absl::Duration every_;
  const bool as_files_;
  Intake& intake_;
  mutable absl::Mutex mutex_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool listing_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_LIST_TRIGGER_H_
