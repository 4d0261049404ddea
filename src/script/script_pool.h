// Scripts for many workers: a heap with compiled code costs tens of megabytes, so there are as many
// as can run at once, whatever the number of workers, each in its own thread.
#ifndef MILLRACE_SCRIPT_SCRIPT_POOL_H_
#define MILLRACE_SCRIPT_SCRIPT_POOL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "script/script.h"

namespace millrace {

// Thread-safe.
class ScriptPool {
 public:
  // At most `most` copies of each script, at least 1; by default as many as there are processors.
  explicit ScriptPool(size_t max = Processors(), const ScriptLimits& limits = {});
  ~ScriptPool();

  // A script for one worker: each Run() takes one of the copies of `path`, waiting if all are in
  // use, and returns it. Copies are loaded on first use, the first of them by this call, which
  // fails as Script::Load() does. If `path` had another text before, its copies are destroyed once
  // no script uses them. May outlive the pool.
  absl::StatusOr<std::unique_ptr<Script>> Get(const std::string& path, std::string_view text);

 private:
  class Copies;
  class Pooled;
  static size_t Processors();

  const size_t max_;
  const ScriptLimits limits_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Copies>> scripts_
      ABSL_GUARDED_BY(mutex_);  // by path
};

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_POOL_H_
