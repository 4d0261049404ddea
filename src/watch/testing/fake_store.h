// A bucket in memory.
#ifndef MILLRACE_WATCH_TESTING_FAKE_STORE_H_
#define MILLRACE_WATCH_TESTING_FAKE_STORE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "io/object_store.h"
#include "watch/store_cache.h"

namespace millrace::watch {

// Thread-safe. Stores that it opens share its objects.
class FakeBucket {
 public:
  // Stores a new version of the object.
  void Put(const std::string& uri, std::string bytes);
  void Remove(const std::string& uri);
  // The result of Find() and Open() of this object from now on; ok: the real one.
  void Fail(const std::string& uri, absl::Status status);

  // Called at the start of each Find(). Set it while there are no stores.
  void set_on_find(std::function<void()> on_find) { on_find_ = std::move(on_find); }

  StoreOpener Opener();

 private:
  class Store;
  class Reader;
  struct Object {
    std::string bytes;
    uint64_t generation = 0;
    absl::Status failure;
  };

  std::function<void()> on_find_ = [] {};
  mutable absl::Mutex mutex_;
  std::map<std::string, Object> objects_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_TESTING_FAKE_STORE_H_
