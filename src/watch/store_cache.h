// One object store per bucket, with lookups of single objects.
#ifndef MILLRACE_WATCH_STORE_CACHE_H_
#define MILLRACE_WATCH_STORE_CACHE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "objects/object_feed.h"

namespace millrace::watch {

using StoreOpener =
    std::function<absl::StatusOr<std::unique_ptr<ObjectStore>>(std::string_view uri)>;

// Thread-safe.
class StoreCache {
 public:
  explicit StoreCache(StoreOpener open) : open_(std::move(open)) {}

  // The current object of name `uri`. NotFound if there is none.
  absl::StatusOr<ListedObject> Find(const std::string& uri);
  // The store of `uri`.
  absl::StatusOr<std::shared_ptr<ObjectStore>> StoreOf(std::string_view uri);

 private:
  const StoreOpener open_;
  absl::Mutex mutex_;
  // By "scheme://bucket"; local paths by "".
  absl::flat_hash_map<std::string, std::shared_ptr<ObjectStore>> stores_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_STORE_CACHE_H_
