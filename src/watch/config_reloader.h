// Reloads a changed config while a watch runs.
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
  std::string name;  // name of the config in log lines
  std::function<absl::StatusOr<SourcesConfig>()> read;
  absl::Duration interval = absl::Seconds(30);  // between two checks; InfiniteDuration: no checks
};

// Passes a config that differs from `current` to `apply`, from the reloader's thread. If it cannot
// be read or applied, `current` stays in use; the failure is logged and counted once, and the
// config is checked again at the next interval.
class ConfigReloader {
 public:
  // All outlive it. The first check is after one interval.
  ConfigReloader(ConfigReloaderOptions options, const CurrentSources& current,
                 std::function<absl::Status(SourcesConfig)> apply, WatchProgress& progress);
  ~ConfigReloader() { Stop(); }

  // Requests a check now, and a log line with its result in any case. Returns immediately; callable
  // from any thread.
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
  std::string last_error_;  // "" if the last config read is in use; used by the thread only

  absl::Mutex mutex_;
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_CONFIG_RELOADER_H_
