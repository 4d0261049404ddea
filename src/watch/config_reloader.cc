#include "watch/config_reloader.h"

#include <pthread.h>

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace millrace::watch {

ConfigReloader::ConfigReloader(ConfigReloaderOptions options, const CurrentSources& current,
                               std::function<absl::Status(SourcesConfig)> apply,
                               WatchProgress& progress)
    : options_(std::move(options)),
      current_(current),
      apply_(std::move(apply)),
      progress_(progress),
      thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "watch-config");
}

void ConfigReloader::CheckNow() {
  absl::MutexLock lock(&mutex_);
  asked_ = true;
}

void ConfigReloader::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void ConfigReloader::Run() {
  while (true) {
    bool asked = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto wanted = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return asked_ || stopped_; };
      mutex_.AwaitWithTimeout(absl::Condition(&wanted), options_.interval);
      if (stopped_) return;
      asked = std::exchange(asked_, false);
    }
    Check(asked);
  }
}

void ConfigReloader::Check(bool asked) {
  absl::StatusOr<SourcesConfig> read = options_.read();
  if (!read.ok()) return Failed(read.status(), asked);
  const bool same = read->SaysTheSameAs(*current_.Get());
  const size_t entries = read->entries().size();
  if (!same) {
    const absl::Status applied = apply_(*std::move(read));
    if (!applied.ok()) return Failed(applied, asked);
    ++progress_.config_reloads;
  }
  const bool had_failed = !std::exchange(last_error_, "").empty();
  progress_.config_invalid = false;
  if (same && !asked && !had_failed) return;
  Log(Severity::kInfo, same ? "config is unchanged" : "config reloaded",
      {{"config", options_.name}, {"entries", uint64_t{entries}}});
}

void ConfigReloader::Failed(const absl::Status& why, bool asked) {
  const std::string error(ToStd(why.message()));
  const bool is_new = error != last_error_;
  if (is_new) ++progress_.config_reloads_failed;
  last_error_ = error;
  progress_.config_invalid = true;
  if (!is_new && !asked) return;
  Log(Severity::kError, "config not reloaded; the one before stays in use",
      {{"config", options_.name}, {"error", error}});
}

}  // namespace millrace::watch
