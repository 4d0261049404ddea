// The sources.json in use, which can be replaced while the program runs.
#ifndef MILLRACE_MAPPING_CURRENT_SOURCES_H_
#define MILLRACE_MAPPING_CURRENT_SOURCES_H_

#include <memory>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "mapping/sources_config.h"

namespace millrace {

// Thread-safe. Results stay valid after a Replace().
class CurrentSources {
 public:
  explicit CurrentSources(SourcesConfig sources)
      : sources_(std::make_shared<const SourcesConfig>(std::move(sources))) {}

  std::shared_ptr<const SourcesConfig> Get() const {
    absl::MutexLock lock(&mutex_);
    return sources_;
  }
  // As SourcesConfig::Match().
  std::shared_ptr<const SourceConfig> Match(std::string_view uri) const {
    return Get()->Match(uri);
  }
  void Replace(SourcesConfig sources) {
    auto next = std::make_shared<const SourcesConfig>(std::move(sources));
    absl::MutexLock lock(&mutex_);
    sources_.swap(next);
  }

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const SourcesConfig> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace

#endif  // MILLRACE_MAPPING_CURRENT_SOURCES_H_
