// Looks for changes of the config while a watch runs.
#ifndef MILLRACE_WATCH_CONFIG_RELOADER_H_
#define MILLRACE_WATCH_CONFIG_RELOADER_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "mapping/current_sources.h"
#include "watch/watch_progress.h"

namespace millrace::watch {

struct ConfigReloaderOptions {
  std::string name;  // of the config, in log lines
  std::function<absl::StatusOr<SourcesConfig>()> read;
  absl::Duration interval = absl::Seconds(30);  // between two looks; InfiniteDuration: none
};

// A config that says something else than `current` is given to `apply`, from the reloader's thread.
// If it cannot be read or applied, `current` stays in use; that is logged and counted once, and is
// looked at again like any other.
class ConfigReloader {
 public:
  // All outlive it. The first look is after an interval.
  ConfigReloader(ConfigReloaderOptions options, const CurrentSources& current,
                 std::function<absl::Status(SourcesConfig)> apply, WatchProgress& progress);
  ~ConfigReloader() { Stop(); }

  // Has the config looked at now, and what was found logged whatever it is. Returns at once; from
  // any thread.
  void CheckNow();
  // Returns when the thread has ended.
  void Stop();

 private:
  void Run();
  void Check(bool asked);
  void Failed(const absl::Status& why, bool asked);

  const ConfigReloaderOptions options_;
  const CurrentSources& current_;
  const std::function<absl::Status(SourcesConfig)> apply_;
  WatchProgress& progress_;
  std::string last_error_;  // "" if the config that was read last is in use; of the thread

  absl::Mutex mutex_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_CONFIG_RELOADER_H_
